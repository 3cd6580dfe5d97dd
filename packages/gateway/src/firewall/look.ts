import type { Allowance } from './allowance.ts'
import type { Detector, Finding } from './detector.ts'
import type { View } from './views.ts'
import { viewsOf } from './views.ts'

/** Named as the detector where something was left unread. */
export const VIEWS = 'views'

const TOO_ENCODED: Finding = {
  detector: VIEWS,
  what: 'more encoded text than is read',
  severity: 'escalate',
}
const TOO_MUCH: Finding = {
  detector: VIEWS,
  what: 'more to look at closely than is looked at',
  severity: 'escalate',
}

/** Runs detectors over every form of a text. Those that are owed it look at the text as it came in any case, whatever the allowance. */
export function look(
  text: string,
  detectors: readonly Detector[],
  allowance: Allowance,
  report: (finding: Finding, view: View) => void,
  isOwed: (detector: Detector) => boolean = () => false,
): void {
  const { views, isWhole } = viewsOf(text, allowance)
  const plain = views[0] as View
  let isTooMuch = false
  for (const detector of detectors) {
    for (const view of views) {
      const { survey } = view
      const before = survey.handed
      if ((view === plain || detector.reads === 'views') && detector.suspects(survey)) {
        if (allowance.mayLook || detector.isPass || (view === plain && isOwed(detector))) {
          const finding = detector.inspect(survey)
          if (finding) report(finding, view)
        } else isTooMuch = true
        allowance.spend(survey.handed - before)
      }
    }
  }
  if (!isWhole) report(TOO_ENCODED, plain)
  if (isTooMuch) report(TOO_MUCH, plain)
}
