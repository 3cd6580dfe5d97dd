import type { Detector } from '../detector.ts'
import type { Model } from '../injection/model.ts'
import { readModel } from '../injection/model.ts'
import { score } from '../injection/score.ts'
import { phrasesIn } from './phrases.ts'

const NAME = 'injection'
const SHORTEST = 20
/** Facts 7.6: from here on, attacks are caught at little cost to others. */
const LIKELY = 0.8

let model: Model | undefined

/** Loaded when the first text is looked at: not every process looks at any. */
export const injectionScore = (text: string): number => {
  model ??= readModel()
  return score(model, text)
}

/** Text that gives orders to a model. A hit is a reason to be strict with the task, never a decision by itself. */
export const injection: Detector = {
  name: NAME,
  reads: 'views',
  isPass: true,
  suspects: ({ text }) => text.length >= SHORTEST,
  inspect(survey) {
    const rules = phrasesIn(survey)
    const names =
      injectionScore(survey.text) > LIKELY ? ['reads like an instruction to a model', ...rules] : rules
    return names.length === 0 ? undefined : { detector: NAME, what: names.join(', '), severity: 'escalate' }
  },
}
