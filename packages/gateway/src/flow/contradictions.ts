import type { Labels } from '../config/label-schema.ts'

/** A place that is read as trusted although agents write to it: whatever they write there comes back as trusted, in the next task. */
export interface Contradiction {
  readonly place: string
  readonly readers: readonly string[]
  readonly writers: readonly string[]
}

/** Labels that cannot both be true. */
export function contradictions(labels: Labels): Contradiction[] {
  const places = Map.groupBy(
    Object.entries(labels),
    ([tool, { place }]) => place ?? (tool.split(/[/#]/, 1)[0] as string),
  )
  return [...places].flatMap(([place, tools]) => {
    const named = (matches: (label: Labels[string]) => boolean) =>
      tools.flatMap(([tool, label]) => (matches(label) ? [tool] : []))
    const readers = named(({ result }) => result.integrity === 'trusted' || result.trusted.length > 0)
    const writers = named(
      ({ effect, arguments: args }) =>
        (effect === 'write' || effect === 'egress') &&
        Object.values(args).some(({ sink }) => sink === 'content' || sink === 'topic'),
    )
    return readers.length > 0 && writers.length > 0 ? [{ place, readers, writers }] : []
  })
}
