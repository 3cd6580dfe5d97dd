import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { JsonObject } from '../../model/json.ts'
import type { PoisoningFinding } from '../tool-poisoning.ts'
import { poisoningAmong, poisoningIn } from '../tool-poisoning.ts'

/** Two definitions that are close to each other; a text is the description of a tool. */
interface Pair {
  /** The code under which the poisoned one has to be found. */
  readonly finds: string
  readonly poisoned: string | JsonObject
  readonly clean: string | JsonObject
}

const FILE = new URL('../../../src/firewall/tool-poisoning.cases.yaml', import.meta.url)

/** What the look at definitions is held to: `tool-poisoning.cases.yaml`, and a way to look as it says. */
export function readPairs() {
  const { others, pairs } = parse(readFileSync(FILE, 'utf8')) as {
    others: Record<string, string>
    pairs: readonly Pair[]
  }
  const neighbours = {
    servers: [...new Set(Object.values(others))],
    tools: new Map(Object.entries(others)),
  }
  const look = (
    written: string | JsonObject,
    instructions: string | null = null,
  ): readonly PoisoningFinding[] => {
    const definition = typeof written === 'string' ? { name: 'convert_units', description: written } : written
    const named = { name: String(definition.name), sameOn: undefined }
    const document = { definition, instructions }
    return [...poisoningIn(document), ...poisoningAmong(document, neighbours, named)]
  }
  return { pairs, neighbours, look }
}
