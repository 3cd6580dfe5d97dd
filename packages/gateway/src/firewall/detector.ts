/** What a detector found in one text. */
export interface Finding {
  readonly detector: string
  readonly what: string
  /** The text without what was found, when taking it out leaves what a person sees unchanged. */
  readonly cleaned?: string
}

/**
 * Looks for one thing in content.
 * `suspects` MUST be a cheap necessary condition; `inspect` MUST be linear in the text and MUST NOT throw.
 * Neither MAY keep the text. To add one: a file, a cases file, a line in `detectors/index.ts`.
 */
export interface Detector {
  readonly name: string
  suspects(text: string): boolean
  inspect(text: string): Finding | undefined
}
