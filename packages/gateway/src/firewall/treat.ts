import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import { Allowance } from './allowance.ts'
import type { Detector, Finding, Span } from './detector.ts'
import type { Handling, Treatment } from './handling.ts'
import { look, VIEWS } from './look.ts'
import { surveyOf } from './survey/pass.ts'
import type { Survey } from './survey/survey.ts'
import type { TaskMarks } from './task-marks.ts'
import { mask, redact, spotlight, tokenise } from './transforms/transforms.ts'

/** Something that was found and is not delivered as it stood. */
export interface Original {
  readonly detector: string
  readonly what: string
  readonly do: Treatment
  /** What stood there; of text that was only marked, nothing, since all of it is delivered. */
  readonly text: string | undefined
}

export interface Treating {
  readonly handling: Handling
  readonly marks: TaskMarks
  /** Of the whole message, see {@link allowanceFor}. */
  readonly allowance: Allowance
  onOriginal(original: Original): void
}

/** More than the scan of a message had, for looking twice: what that has read has to be read here again. */
export function allowanceFor(message: string): Allowance {
  const allowance = new Allowance()
  allowance.grow(4 * message.length)
  return allowance
}

/** A detector tells so much at a time. What is still there after so many rounds is more than is taken out. */
const MAX_ROUNDS = 8

/**
 * One string as the operator's rules want it: what was found is taken out, then all forms of what is left are looked at once more, so that
 * nothing leaves that only another encoding hides. @throws Refusal CONTENT_BLOCKED
 */
export function treat(text: string, all: readonly Detector[], how: Treating): string {
  const concerned = all.filter(({ name }) => how.handling(name) !== undefined)
  const marking = concerned.filter(({ name }) => how.handling(name) === 'spotlight')
  const strict = concerned.filter((detector) => !marking.includes(detector))
  const marked = findingIn(text, marking, how.allowance)
  let out = text
  let survey = surveyOf(text)
  for (let round = 0, before = ''; out !== before && round < MAX_ROUNDS; round++) {
    before = out
    for (const detector of strict) {
      out = without(survey, detector, how)
      if (out !== survey.text) survey = surveyOf(out)
    }
  }
  const left = findingIn(out, strict, how.allowance)
  if (left) throw new Refusal(reason('CONTENT_BLOCKED', { detector: left.detector, what: left.what }))
  if (!marked) return out
  how.onOriginal({ detector: marked.detector, what: marked.what, do: 'spotlight', text: undefined })
  return spotlight(out, [{ start: 0, end: out.length }], how.marks.spotlight)
}

function findingIn(text: string, detectors: readonly Detector[], allowance: Allowance): Finding | undefined {
  if (detectors.length === 0) return undefined
  let found: Finding | undefined
  allowance.grow(text.length)
  const note = (finding: Finding): void => {
    if (finding.detector !== VIEWS) found ??= finding
  }
  look(text, detectors, allowance, note, () => true)
  return found
}

function without(survey: Survey, detector: Detector, { handling, marks, onOriginal }: Treating): string {
  const { text } = survey
  const finding = detector.suspects(survey) ? detector.inspect(survey) : undefined
  const treatment = handling(detector.name)
  if (!finding?.spans?.length || treatment === undefined || treatment === 'block') return text
  const { what, spans } = finding
  const note = (found: Span) =>
    onOriginal({
      detector: detector.name,
      what: found.kind ?? what,
      do: treatment,
      text: text.slice(found.start, found.end),
    })
  for (const span of spans) note(span)
  if (treatment === 'mask') return mask(text, spans)
  if (treatment === 'tokenise') return tokenise(text, spans, (value, kind = what) => marks.token(value, kind))
  return redact(text, spans, what)
}
