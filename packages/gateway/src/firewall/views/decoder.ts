import type { Survey } from '../survey/survey.ts'

/**
 * Writes text out that is there in another form.
 * `suspects` MUST be a cheap necessary condition; both MUST be linear in the text, take what they read of it from the survey, and MUST NOT
 * throw. The result is at most as long as the text, but for NFKC. To add one: a file, and a line in `views.ts`.
 */
export interface Decoder {
  readonly name: string
  suspects(survey: Survey): boolean
  /** What the text says, or only the part that was in this form. */
  decode(survey: Survey): string
}
