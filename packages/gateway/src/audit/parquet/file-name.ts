/** Which entries of which log a file holds. */
export interface FileRange {
  /** Name of the log, made fit for a file name. */
  readonly slug: string
  readonly from: number
  /** First index that is not in it. */
  readonly to: number
}

export type Part = 'entries' | 'subjects' | 'tasks'

const NAME = /^([A-Za-z0-9._-]+)\.(\d{12})-(\d{12})\.(entries|subjects|tasks)\.parquet$/

export const slugOf = (origin: string): string => origin.replace(/[^A-Za-z0-9._-]/g, '_')

export const fileName = ({ slug, from, to }: FileRange, part: Part): string =>
  `${slug}.${String(from).padStart(12, '0')}-${String(to).padStart(12, '0')}.${part}.parquet`

/** Undefined for a file that is none of ours. */
export function rangeOf(name: string): (FileRange & { readonly part: Part }) | undefined {
  const [, slug, from, to, part] = NAME.exec(name) ?? []
  return slug === undefined ? undefined : { slug, from: Number(from), to: Number(to), part: part as Part }
}

/** Of files of one log. */
export const overlaps = (a: Omit<FileRange, 'slug'>, b: Omit<FileRange, 'slug'>): boolean =>
  a.from < b.to && b.from < a.to
