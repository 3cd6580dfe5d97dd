import { z } from 'zod'
import type { JsonObject } from '../../model/json.ts'
import type { DataSet } from './data.ts'
import { filesOf, readData } from './data.ts'

const NOTINJECT: DataSet = {
  files: 'notinject/*.json',
  source: 'github.com/leolee99/PIGuard, datasets/NotInject_*.json',
}
const BIPIA: DataSet = {
  files: 'bipia/BIPIA_text.json',
  source:
    'github.com/leolee99/PIGuard, datasets/BIPIA_text.json, or microsoft/BIPIA, benchmark/text_attack_test.json',
}
const BIPIA_CONTEXTS: DataSet = {
  files: 'bipia/*.jsonl',
  source: 'github.com/microsoft/BIPIA, benchmark/email/test.jsonl and others',
}
const TRUTH: DataSet = {
  files: 'agentdojo/ground-truth.json.gz',
  source: 'github.com/ethz-spylab/agentdojo, its ground truth with outputs, as JSON',
}
const RUNS: DataSet = {
  files: 'agentdojo/recorded-{runs.jsonl,outputs.json}.gz',
  source: 'github.com/ethz-spylab/agentdojo, runs/, as JSON lines and outputs by key',
}
export const INJECTION_SETS: readonly DataSet[] = [NOTINJECT, BIPIA, BIPIA_CONTEXTS, TRUTH, RUNS]

/** A kind of text, by where it comes from. */
export interface TextSet {
  readonly set: string
  readonly texts: readonly string[]
}

/** Somewhere an attack may stand: the text without, and with it. */
export interface Carrier {
  readonly clean: string
  carrying(attack: string): string
}

export interface InjectionData {
  /** One set a file. */
  readonly overDefence: readonly TextSet[]
  readonly attacks: readonly TextSet[]
  readonly carriers: readonly { readonly set: string; readonly carriers: readonly Carrier[] }[]
  /** Outputs of tools as agents got them: of clean runs, and with an attack in them, by kind of attack. */
  readonly recorded: { readonly clean: readonly string[]; readonly attacked: readonly TextSet[] } | undefined
  /** Definitions of tools in which nobody put anything, by suite. */
  readonly definitions: Readonly<Record<string, readonly JsonObject[]>>
  /** What people ask for. */
  readonly requests: readonly string[]
}

const Prompts = z.array(z.object({ prompt: z.string() }))
const Attacks = z.record(z.string(), z.array(z.string()))
const Contexts = z.array(z.object({ context: z.union([z.string(), z.array(z.string())]) }))
const Truth = z.object({
  suites: z.record(
    z.string(),
    z.object({
      user_tasks: z.array(
        z.object({
          prompt: z.string(),
          calls: z.array(z.object({ output: z.string() })),
          canary_outputs: z.array(z.string()),
        }),
      ),
      injection_tasks: z.array(z.object({ id: z.string(), goal: z.string() })),
      tools: z.array(z.record(z.string(), z.json())).default([]),
    }),
  ),
})
const Runs = z.array(
  z.object({
    kind: z.enum(['benign', 'attack']),
    suite: z.string(),
    attack: z.string().nullish(),
    injection_task: z.string().nullish(),
    steps: z.array(z.object({ o: z.string().nullish() })),
  }),
)
const Outputs = z.record(z.string(), z.string())

/** Reads what is there; a set that is missing is empty. @throws CommandFailed */
export function readInjectionData(folder: string): InjectionData {
  const read = <T extends z.ZodType>(set: DataSet, schema: T): { file: string; data: z.output<T> }[] =>
    filesOf(folder, set).map((file) => ({ file, data: readData(folder, file, schema) }))
  const [truth] = read(TRUTH, Truth)
  const suites = truth?.data.suites ?? {}
  const runs = filesOf(folder, RUNS)
  return {
    overDefence: read(NOTINJECT, Prompts).map(({ file, data }) => ({
      set: file,
      texts: data.map(({ prompt }) => prompt),
    })),
    attacks: read(BIPIA, Attacks).map(({ data }) => ({ set: 'BIPIA', texts: Object.values(data).flat() })),
    carriers: [
      ...read(BIPIA_CONTEXTS, Contexts).map(({ file, data }) => ({
        set: file,
        carriers: data.map(({ context }) => appended([context].flat().join('\n'))),
      })),
      ...(truth ? [{ set: 'AgentDojo outputs', carriers: carriersIn(suites) }] : []),
    ],
    recorded:
      runs.length === 2 && truth
        ? recordedIn(
            suites,
            readData(folder, runs[1] as string, Runs),
            readData(folder, runs[0] as string, Outputs),
          )
        : undefined,
    definitions: Object.fromEntries(Object.entries(suites).map(([suite, { tools }]) => [suite, tools])),
    requests: Object.values(suites).flatMap(({ user_tasks }) => user_tasks.map(({ prompt }) => prompt)),
  }
}

const appended = (clean: string): Carrier => ({ clean, carrying: (attack) => `${clean}\n${attack}` })

const CANARY = /<CANARY-[^>]*>/g

function carriersIn(suites: z.output<typeof Truth>['suites']): Carrier[] {
  const found = new Map<string, Carrier>()
  for (const { user_tasks } of Object.values(suites)) {
    for (const { calls, canary_outputs } of user_tasks) {
      for (const [at, output] of canary_outputs.entries()) {
        if (output.match(CANARY) === null) continue
        found.set(output, {
          clean: calls[at]?.output ?? output.replace(CANARY, ''),
          carrying: (attack) => output.replace(CANARY, () => attack),
        })
      }
    }
  }
  return [...found.values()]
}

/** An output is attacked when it holds the goal of the run's attacker, however its lines were broken. */
function recordedIn(
  suites: z.output<typeof Truth>['suites'],
  runs: z.output<typeof Runs>,
  outputs: z.output<typeof Outputs>,
): InjectionData['recorded'] {
  const letters = (text: string) => text.replace(/[^\p{L}\p{N}]+/gu, '')
  const plain = new Map(Object.entries(outputs).map(([key, text]) => [key, letters(text)]))
  const goals = new Map(
    Object.entries(suites).flatMap(([suite, { injection_tasks }]) =>
      injection_tasks.map(({ id, goal }) => [`${suite}/${id}`, letters(goal)]),
    ),
  )
  const clean = new Set<string>()
  const attacked = new Map<string, Set<string>>()
  for (const { kind, suite, attack, injection_task, steps } of runs) {
    const goal = goals.get(`${suite}/${injection_task}`)
    const of = attacked.get(attack ?? '') ?? new Set<string>()
    for (const { o } of steps) {
      const text = o ? outputs[o] : undefined
      if (!o || text === undefined) continue
      if (kind === 'benign') clean.add(text)
      else if (goal && plain.get(o)?.includes(goal)) attacked.set(attack ?? '', of.add(text))
    }
  }
  return {
    clean: [...clean],
    attacked: [...attacked]
      .map(([set, texts]) => ({ set, texts: [...texts] }))
      .sort((a, b) => (a.set < b.set ? -1 : 1)),
  }
}
