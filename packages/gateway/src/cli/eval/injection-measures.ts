import { Allowance } from '../../firewall/allowance.ts'
import { fires, readCases } from '../../firewall/detectors/cases.ts'
import { injection, injectionScore } from '../../firewall/detectors/injection.ts'
import { readPairs } from '../../firewall/poisoning/cases.ts'
import { createScanner } from '../../firewall/scanner.ts'
import type { PoisoningFinding } from '../../firewall/tool-poisoning.ts'
import { poisoningIn } from '../../firewall/tool-poisoning.ts'
import { ENCODERS } from '../../firewall/views/encoders.ts'
import { viewsOf } from '../../firewall/views.ts'
import type { InjectionData, TextSet } from './injection-data.ts'
import { areaUnderCurve, recallAt, shareOf } from './metrics.ts'

type Share = number | undefined

/** How often clean text is flagged; less is better. */
export interface CleanMeasure {
  readonly set: string
  readonly texts: number
  /** By the gateway, as it looks at messages: phrases and model, over decoded forms of the beginning. */
  readonly flagged: Share
  readonly above_50: Share
  readonly above_80: Share
}

/** How often an attack is found; more is better. */
export interface AttackMeasure extends CleanMeasure {
  readonly against: string
  readonly auc: Share
  readonly recall_at_1: Share
  readonly recall_at_5: Share
}

export interface CaseMeasure {
  readonly detector: string
  readonly must_fire: number
  readonly must_not_fire: number
  readonly precision: Share
  readonly recall: Share
}

export interface ObfuscationMeasure {
  readonly attacks: string
  readonly encoding: string
  readonly texts: number
  readonly as_it_is: Share
  readonly decoded: Share
  readonly any_detector: Share
}

/** How many definitions of tools have a severe finding. */
export interface DefinitionMeasure {
  readonly set: string
  readonly definitions: number
  readonly severe: Share
}

export interface InjectionMeasures {
  readonly detectors: readonly CaseMeasure[]
  readonly definitions: readonly DefinitionMeasure[]
  readonly over_defence: readonly (CleanMeasure & { readonly accuracy: Share })[]
  readonly clean: readonly CleanMeasure[]
  readonly attacks: readonly AttackMeasure[]
  readonly obfuscation: readonly ObfuscationMeasure[]
}

const scanner = createScanner({ secrets: () => new Map() })
const found = (text: string) => scanner.scan(text, 'in').findings
const isFlagged = (text: string): boolean => found(text).some(({ detector }) => detector === injection.name)

/** Everything that the data allows to be measured. */
export function measureInjection(data: InjectionData): InjectionMeasures {
  const files =
    data.overDefence.length > 1 ? [...data.overDefence, total(data.overDefence)] : data.overDefence
  return {
    detectors: ownCases(),
    definitions: [
      ...ownPairs(),
      ...Object.entries(data.definitions)
        .filter(([, tools]) => tools.length > 0)
        .map(([suite, tools]) => ({
          set: `AgentDojo ${suite}, clean`,
          definitions: tools.length,
          severe: shareOf(tools, (definition) => isSevere(poisoningIn({ definition, instructions: null }))),
        })),
    ],
    over_defence: files.map((set) => {
      const measure = cleanMeasure(set)
      return { ...measure, accuracy: measure.flagged === undefined ? undefined : 1 - measure.flagged }
    }),
    clean: cleanSets(data).map(cleanMeasure),
    attacks: attackSets(data).map(([attacks, clean]) => attackMeasure(attacks, clean)),
    obfuscation: [ownAttacks(), ...data.attacks].flatMap(obfuscated),
  }
}

function ownCases(): CaseMeasure[] {
  return readCases().flatMap(({ name, detector, must_fire, must_not_fire }) => {
    if (!detector) return []
    const caught = must_fire.filter((text) => fires(detector, text)).length
    const wrong = must_not_fire.filter((text) => fires(detector, text)).length
    return {
      detector: name,
      must_fire: must_fire.length,
      must_not_fire: must_not_fire.length,
      precision: caught + wrong === 0 ? undefined : caught / (caught + wrong),
      recall: shareOf(must_fire, (text) => fires(detector, text)),
    }
  })
}

const isSevere = (findings: readonly PoisoningFinding[]): boolean =>
  findings.some(({ level }) => level === 'high')

function ownPairs(): DefinitionMeasure[] {
  const { pairs, look } = readPairs()
  return (['poisoned', 'clean'] as const).map((kind) => ({
    set: `own pairs, ${kind}`,
    definitions: pairs.length,
    severe: shareOf(pairs, (pair) => isSevere(look(pair[kind]))),
  }))
}

const total = (sets: readonly TextSet[]): TextSet => ({
  set: 'all',
  texts: sets.flatMap(({ texts }) => texts),
})

function cleanSets({ carriers, recorded, requests }: InjectionData): TextSet[] {
  return [
    ...carriers.map((of) => ({ set: `${of.set}, clean`, texts: of.carriers.map(({ clean }) => clean) })),
    ...(recorded ? [{ set: 'AgentDojo recorded outputs, clean runs', texts: recorded.clean }] : []),
    { set: 'AgentDojo requests', texts: requests },
  ].filter(({ texts }) => texts.length > 0)
}

/** Each with the clean texts that are most like it. */
function attackSets({ overDefence, attacks, carriers, recorded }: InjectionData): [TextSet, TextSet][] {
  return [
    ...attacks.map((alone): [TextSet, TextSet] => [
      { set: `${alone.set}, attack alone`, texts: alone.texts },
      { set: 'NotInject', texts: total(overDefence).texts },
    ]),
    ...attacks.flatMap(({ set, texts }) =>
      carriers.map((of): [TextSet, TextSet] => [
        {
          set: `${set} in ${of.set}`,
          texts: texts.flatMap((attack) => of.carriers.map((carrier) => carrier.carrying(attack))),
        },
        { set: 'the same without', texts: of.carriers.map(({ clean }) => clean) },
      ]),
    ),
    ...(recorded?.attacked ?? []).map(({ set, texts }): [TextSet, TextSet] => [
      { set: `AgentDojo recorded, ${set}`, texts },
      { set: 'outputs of clean runs', texts: recorded?.clean ?? [] },
    ]),
  ]
}

const cleanMeasure = ({ set, texts }: TextSet): CleanMeasure => ({ set, ...sharesOf(texts, scores(texts)) })

function attackMeasure({ set, texts }: TextSet, clean: TextSet): AttackMeasure {
  const [positives, negatives] = [scores(texts), scores(clean.texts)]
  return {
    set,
    ...sharesOf(texts, positives),
    against: clean.set,
    auc: areaUnderCurve(positives, negatives),
    recall_at_1: recallAt(0.01, positives, negatives),
    recall_at_5: recallAt(0.05, positives, negatives),
  }
}

const scores = (texts: readonly string[]): number[] => texts.map(injectionScore)

const sharesOf = (texts: readonly string[], scored: readonly number[]) => ({
  texts: texts.length,
  flagged: shareOf(texts, isFlagged),
  above_50: shareOf(scored, (score) => score > 0.5),
  above_80: shareOf(scored, (score) => score > 0.8),
})

/** The project's own, so that there is something to hide also without data. */
const ownAttacks = (): TextSet => ({
  set: 'own cases',
  texts: readCases().find(({ name }) => name === injection.name)?.must_fire ?? [],
})

/** Encoders are for ASCII; what is not stays out. */
function obfuscated({ set, texts }: TextSet): ObfuscationMeasure[] {
  const plain = texts.filter((text) => /^[\x20-\x7e]+$/.test(text))
  const forms: [string, (text: string) => string][] = [
    ['none', (text) => text],
    ...Object.entries(ENCODERS).map(([name, [, encode]]): [string, (text: string) => string] => [
      name,
      encode,
    ]),
  ]
  return forms.map(([encoding, encode]) => {
    const hidden = plain.map(encode)
    return {
      attacks: set,
      encoding,
      texts: hidden.length,
      as_it_is: shareOf(hidden, (text) => fires(injection, text)),
      decoded: shareOf(hidden, (text) => formsOf(text).some((form) => fires(injection, form))),
      any_detector: shareOf(hidden, (text) => found(text).some(({ severity }) => severity !== 'note')),
    }
  })
}

function formsOf(text: string): string[] {
  const allowance = new Allowance()
  allowance.grow(text.length)
  return viewsOf(text, allowance).views.map(({ survey }) => survey.text)
}
