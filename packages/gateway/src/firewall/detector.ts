import type { Survey } from './survey/survey.ts'

/** `refuse`: not to be let through as it is. `escalate`: the task is to be handled more strictly from here on. `note`: worth recording. */
export type Severity = 'note' | 'escalate' | 'refuse'

/** From `start` up to, not including, `end`. */
export interface Span {
  readonly start: number
  readonly end: number
  /** What stands there, where a finding is of several kinds. */
  readonly kind?: string
}

/** What a detector found in one text. */
export interface Finding {
  readonly detector: string
  /** Names it, without a word of the content. */
  readonly what: string
  readonly severity: Severity
  /** Where, when it can be said. */
  readonly spans?: readonly Span[]
  /** The text without what was found, when taking it out leaves what a person sees unchanged. */
  readonly cleaned?: string
}

/**
 * Looks for one thing in content, of which one pass has been made: `survey` says what can be in the text, and where.
 * `suspects` MUST be a cheap necessary condition; `inspect` MUST be linear in the text, take what it reads of it from the survey, which
 * counts that, and MUST NOT throw. Neither MAY keep the text. To add one: a file, a cases file, a line in `detectors/index.ts`; words it
 * cannot do without go to `survey/vocabulary.ts`.
 */
export interface Detector {
  readonly name: string
  /** `text`: only as it came. `views`: each form it can be read in. */
  readonly reads: 'text' | 'views'
  /** It looks at whatever there is, and MUST cost no more than a pass or two over it. The others look while there is an allowance. */
  readonly isPass: boolean
  /** Called before each message. */
  begin?(): void
  suspects(survey: Survey): boolean
  inspect(survey: Survey): Finding | undefined
}
