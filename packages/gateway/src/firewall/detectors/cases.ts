import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import type { Detector } from '../detector.ts'
import { surveyOf } from '../survey/pass.ts'
import { detectors } from './index.ts'

/** What a detector is held to: `<name>.cases.yaml` beside it. */
export interface Cases {
  readonly name: string
  readonly detector: Detector | undefined
  readonly must_fire: readonly string[]
  readonly must_not_fire: readonly string[]
}

/** Stands in for what detectors are given at run time, as the cases name it. */
const SECRETS = new Map([['lamp', 'Qm7-harbour-lamp-2291']])
export function readCases(): readonly Cases[] {
  const folder = fileURLToPath(new URL('../../../src/firewall/detectors/', import.meta.url))
  const all = detectors(() => SECRETS)
  return readdirSync(folder)
    .filter((file) => file.endsWith('.cases.yaml'))
    .map((file) => {
      const name = file.replace('.cases.yaml', '')
      const cases = parse(readFileSync(join(folder, file), 'utf8')) as Omit<Cases, 'name' | 'detector'>
      return { ...cases, name, detector: all.find((detector) => detector.name === name) }
    })
}

export function fires(detector: Detector, text: string): boolean {
  detector.begin?.()
  const survey = surveyOf(text)
  return detector.suspects(survey) && detector.inspect(survey) !== undefined
}
