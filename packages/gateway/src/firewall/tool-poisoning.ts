import { reveal } from '../lib/reveal.ts'
import type { JsonObject } from '../model/json.ts'
import { Allowance } from './allowance.ts'
import { injectionScore } from './detectors/injection.ts'
import type { PoisoningCode, PoisoningFinding, Report } from './poisoning/finding.ts'
import { encodedText, hiddenText } from './poisoning/hidden.ts'
import type { Named, Neighbours } from './poisoning/neighbours.ts'
import { lookAlikes, mentions } from './poisoning/neighbours.ts'
import { phrasesIn } from './poisoning/phrases.ts'
import { addressInValue, freeContext, longText } from './poisoning/smells.ts'
import type { DefinitionText } from './poisoning/texts.ts'
import { textsIn } from './poisoning/texts.ts'
import { viewsOf } from './views.ts'

export type { Neighbours, PoisoningFinding }

/** A tool or a prompt as its server gives it, with the server's instructions. */
export interface Described {
  readonly definition?: JsonObject
  readonly instructions: string | null
}

const MAX_FINDINGS = 100
/** Characters of a definition that are decoded; of the rest only the words as they stand are read. */
const DECODED = 16_384
const SCORED_FROM = 40
const LIKELY = 0.8

/**
 * What the text of a definition does that a description has no need to. It helps a person who vets, and decides nothing: who steers a
 * model by plain words is not found here. Linear in the text.
 */
export function poisoningIn({ definition = {}, instructions }: Described): readonly PoisoningFinding[] {
  const { found, report } = collector()
  inspectTexts(textsIn(definition), report)
  if (instructions !== null)
    inspectTexts([{ path: 'instructions', text: instructions, role: 'prose' }], report)
  freeContext(definition.inputSchema, 'inputSchema', report)
  return found
}

/** What it does to the tools of other servers. `named`: of a tool, with another server that has one of the same name. */
export function poisoningAmong(
  { definition = {}, instructions }: Described,
  neighbours: Neighbours,
  named?: Named,
): readonly PoisoningFinding[] {
  const { found, report } = collector()
  for (const text of textsIn(definition)) mentions(text, neighbours, report)
  if (instructions !== null)
    mentions({ path: 'instructions', text: instructions, role: 'prose' }, neighbours, report)
  if (named) lookAlikes(named, neighbours, report)
  return found
}

function inspectTexts(texts: Iterable<DefinitionText>, report: Report): void {
  let left = DECODED
  for (const each of texts) {
    const { path, text, role } = each
    longText(each, report)
    hiddenText(path, text, report)
    addressInValue(each, report)
    wordsIn(each, left, report)
    left -= Math.min(left, text.length)
    if (role !== 'key' && text.length >= SCORED_FROM && injectionScore(text.slice(0, DECODED)) > LIKELY)
      report('injection', 'note', path, 'it reads like an instruction to a model')
  }
}

/** Phrases in the text and in what the beginning of it, `decoded` characters, says when it is decoded; the weightiest of each code. */
function wordsIn({ path, text }: DefinitionText, decoded: number, report: Report): void {
  const said = new Map<PoisoningCode, PoisoningFinding['level']>()
  const allowance = new Allowance()
  allowance.grow(Math.min(decoded, text.length))
  const forms = viewsOf(text.slice(0, decoded), allowance)
    .views.slice(1)
    .map(({ survey, via }) => ({ text: survey.text, via }))
  for (const form of [{ text, via: [] }, ...forms]) {
    encodedText(path, form.text, form.via, report)
    const it = form.via.length === 0 ? 'it' : `decoded (${form.via.join(', ')}), it`
    for (const { code, level, words } of phrasesIn(form.text)) {
      if (said.get(code) === 'high' || said.get(code) === level) continue
      said.set(code, level)
      report(code, level, path, `${it} ${SAYS[code] ?? 'speaks to the model'}: “${reveal(words)}”`)
    }
  }
}

const SAYS: Partial<Record<PoisoningCode, string>> = {
  'sensitive-path': 'names where secrets are kept',
  'tool-markup': 'holds markup of tools',
  command: 'tells to run something',
  shadowing: 'speaks of other tools',
}

/** Each sentence once for a place, and no more than a person can take in. */
function collector(): { found: PoisoningFinding[]; report: Report } {
  const found: PoisoningFinding[] = []
  const seen = new Set<string>()
  const report: Report = (code, level, path, what) => {
    const key = `${code}\0${path}\0${what}`
    if (found.length >= MAX_FINDINGS || seen.has(key)) return
    seen.add(key)
    found.push({ code, level, path: reveal(path).slice(0, 200), what })
  }
  return { found, report }
}
