import { resolve } from 'node:path'
import { Command } from 'commander'
import { contextOf, show, table } from '../context.ts'
import { missingFrom } from './data.ts'
import { INJECTION_SETS, readInjectionData } from './injection-data.ts'
import type { CleanMeasure, InjectionMeasures } from './injection-measures.ts'
import { measureInjection } from './injection-measures.ts'

export const injectionCommand = (): Command =>
  new Command('injection')
    .description('Measure the detectors: over-defence, attacks found, disguises seen through.')
    .requiredOption('--data <folder>', 'folder with notinject/, bipia/, agentdojo/; some may be missing')
    .action((options: { data: string }, command: Command) => {
      const context = contextOf(command)
      const folder = resolve(options.data)
      const missing = missingFrom(folder, INJECTION_SETS)
      for (const set of missing) context.say(`Left out, because it is not there: ${set}`)
      const measures = measureInjection(readInjectionData(folder))
      show(context, 'InjectionEvaluation', { missing, ...measures }, () => report(measures))
    })

/** As tables for people; what the data does not allow is left out. */
export function report({
  detectors,
  definitions,
  over_defence,
  clean,
  attacks,
  obfuscation,
}: InjectionMeasures): string {
  const flags = ({ set, texts, flagged, above_50, above_80 }: CleanMeasure) => [
    set,
    String(texts),
    ...[flagged, above_50, above_80].map(percent),
  ]
  const blocks = [
    section(
      'Detectors on their own cases',
      ['DETECTOR', 'MUST FIRE', 'MUST NOT', 'PRECISION', 'RECALL'],
      detectors.map((of) => [
        of.detector,
        String(of.must_fire),
        String(of.must_not_fire),
        percent(of.precision),
        percent(of.recall),
      ]),
    ),
    section(
      'Definitions of tools',
      ['SET', 'DEFINITIONS', 'WITH A SEVERE FINDING'],
      definitions.map((of) => [of.set, String(of.definitions), percent(of.severe)]),
    ),
    section(
      'Over-defence: clean texts full of suspicious words (accuracy: share left alone by the gateway)',
      ['SET', 'TEXTS', 'ACCURACY', 'MODEL > 0.5', 'MODEL > 0.8'],
      over_defence.map((of) => [
        of.set,
        String(of.texts),
        ...[of.accuracy, of.above_50, of.above_80].map(percent),
      ]),
    ),
    section(
      'False alarms on other clean texts',
      ['SET', 'TEXTS', 'GATEWAY', 'MODEL > 0.5', 'MODEL > 0.8'],
      clean.map(flags),
    ),
    section(
      'Attacks found; AUC and recall at a rate of false alarms are of the model alone',
      ['SET', 'TEXTS', 'GATEWAY', 'MODEL > 0.5', 'MODEL > 0.8', 'AUC', 'RECALL AT 1 %', 'AT 5 %', 'AGAINST'],
      attacks.map((of) => [
        ...flags(of),
        of.auc === undefined ? '-' : of.auc.toFixed(3),
        percent(of.recall_at_1),
        percent(of.recall_at_5),
        of.against,
      ]),
    ),
    section(
      'Attacks found in disguise, by the injection detector and by any',
      ['ATTACKS', 'DISGUISE', 'TEXTS', 'AS IT IS', 'DECODED', 'ANY DETECTOR'],
      obfuscation.map((of) => [
        of.attacks,
        of.encoding,
        String(of.texts),
        ...[of.as_it_is, of.decoded, of.any_detector].map(percent),
      ]),
    ),
  ]
  return blocks.filter((block) => block !== '').join('\n\n')
}

const section = (title: string, head: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0 ? '' : `${title}\n${table(head, rows)}`

const percent = (share: number | undefined): string =>
  share === undefined ? '-' : `${(100 * share).toFixed(1)} %`
