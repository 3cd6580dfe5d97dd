import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import type { JsonObject } from '../../model/json.ts'
import { CommandFailed, EXIT } from '../exit.ts'

const Args = z.record(z.string(), z.unknown()).transform((args) => args as JsonObject)

const Call = z.object({
  tool: z.string(),
  args: Args,
  output: z.string().nullish(),
  error: z.string().nullish(),
})

const Tool = z.object({ name: z.string(), description: z.string().default(''), inputSchema: Args })

const UserTask = z.object({
  id: z.string(),
  prompt: z.string(),
  calls: z.array(Call),
  canary_outputs: z.array(z.string().nullable()),
  visible_vectors: z.array(z.object({ vector: z.string() })),
})

const InjectionTask = z.object({ id: z.string(), goal: z.string(), calls: z.array(Call) })

const GroundTruth = z.object({
  suites: z.record(
    z.string(),
    z.object({
      tools: z.array(Tool),
      user_tasks: z.array(UserTask),
      injection_tasks: z.array(InjectionTask),
    }),
  ),
})

const Run = z.object({
  kind: z.enum(['benign', 'attack']),
  model: z.string(),
  suite: z.string(),
  user_task: z.string(),
  injection_task: z.string().optional(),
  attack: z.string().optional(),
  prompt: z.string(),
  steps: z.array(
    z.object({ t: z.string(), a: Args.nullish(), o: z.string().nullish(), e: z.unknown().optional() }),
  ),
  effect_steps: z.array(z.number()).default([]),
})

/** One call as it was made then, and what the tool answered. */
export interface Step {
  readonly tool: string
  readonly args: JsonObject
  readonly output: string
  /** The tool itself refused it then. */
  readonly hasFailed: boolean
}

/** A run to play again, call by call. */
export interface Story {
  readonly of: 'recorded' | 'ground truth'
  readonly kind: 'benign' | 'attack'
  readonly suite: string
  readonly name: string
  readonly prompt: string
  readonly steps: readonly Step[]
  /** Steps in which the attacker's goal is carried out. */
  readonly effects: readonly number[]
}

export type Tools = z.output<typeof Tool>[]

export interface AgentDojo {
  readonly suites: ReadonlyMap<string, Tools>
  readonly stories: readonly Story[]
  /** Pairs of tasks that cannot be told by calls, and why. */
  readonly excluded: readonly string[]
}

/**
 * Ground truth and recorded runs of AgentDojo suites from `agentdojo/` below `folder`, or from `folder` itself: `ground-truth.json.gz`, and
 * where they are there `recorded-runs.jsonl.gz` with `recorded-outputs.json.gz`.
 * @throws CommandFailed when something is missing or is not what it should be
 */
export function readAgentDojo(folder: string, only: readonly string[] | undefined): AgentDojo {
  const truth = read(folder, 'ground-truth.json.gz')
  if (truth === undefined) {
    throw new CommandFailed(
      `There is no ground-truth.json.gz in ${folder} or its folder agentdojo. It holds, for each suite, the tools and the calls of user and injection tasks.`,
      EXIT.usage,
    )
  }
  const { suites } = parse(GroundTruth, truth, 'ground-truth.json.gz')
  const wanted = only ?? Object.keys(suites)
  const unknown = wanted.find((suite) => !Object.hasOwn(suites, suite))
  if (unknown !== undefined)
    throw new CommandFailed(
      `There is no suite ${unknown}; there are: ${Object.keys(suites).join(', ')}.`,
      EXIT.usage,
    )
  const stories: Story[] = []
  const excluded: string[] = []
  for (const suite of wanted) {
    const { user_tasks, injection_tasks } = suites[suite] as z.output<typeof GroundTruth>['suites'][string]
    const silent = injection_tasks.filter(({ calls }) => calls.length === 0).map(({ id }) => id)
    if (silent.length > 0) excluded.push(`${suite}: ${silent.join(', ')} have no calls to play`)
    for (const user of user_tasks) {
      const own = user.calls.map(stepOf)
      stories.push({
        of: 'ground truth',
        kind: 'benign',
        suite,
        name: user.id,
        prompt: user.prompt,
        steps: own,
        effects: [],
      })
      for (const injection of injection_tasks) {
        if (injection.calls.length > 0) stories.push(compromised(suite, user, injection, own))
      }
    }
  }
  return {
    suites: new Map(wanted.map((suite) => [suite, suites[suite]?.tools ?? []])),
    stories: [...stories, ...recorded(folder, wanted)],
    excluded,
  }
}

/**
 * The worst case: the whole task has been done, every place the attacker can write to held the goal in plain words, and the agent now does
 * exactly what it says.
 */
function compromised(
  suite: string,
  user: z.output<typeof UserTask>,
  injection: z.output<typeof InjectionTask>,
  own: readonly Step[],
): Story {
  const history = own.map((step, i) => ({
    ...step,
    output: (user.canary_outputs[i] ?? step.output).replace(/<CANARY---[^>]*--->/g, injection.goal),
  }))
  const calls = injection.calls.map(stepOf)
  return {
    of: 'ground truth',
    kind: 'attack',
    suite,
    name: `${user.id} ${injection.id}`,
    prompt: user.prompt,
    steps: [...history, ...calls],
    effects: calls.map((_, i) => history.length + i),
  }
}

function recorded(folder: string, suites: readonly string[]): Story[] {
  const runs = read(folder, 'recorded-runs.jsonl.gz')
  const outputs = read(folder, 'recorded-outputs.json.gz')
  if (runs === undefined || outputs === undefined) return []
  const texts = parse(z.record(z.string(), z.string()), outputs, 'recorded-outputs.json.gz')
  return runs
    .split('\n')
    .filter(Boolean)
    .map((line) => parse(Run, line, 'recorded-runs.jsonl.gz'))
    .filter(({ suite }) => suites.includes(suite))
    .map((run) => ({
      of: 'recorded',
      kind: run.kind,
      suite: run.suite,
      name: [run.user_task, run.injection_task, run.attack, run.model].filter(Boolean).join(' '),
      prompt: run.prompt,
      steps: run.steps.map(({ t, a, o, e }) => ({
        tool: t,
        args: a ?? {},
        output: (typeof o === 'string' && texts[o]) || '',
        hasFailed: Boolean(e),
      })),
      effects: run.effect_steps,
    }))
}

const stepOf = ({ tool, args, output, error }: z.output<typeof Call>): Step => ({
  tool,
  args,
  output: output ?? error ?? '',
  hasFailed: Boolean(error),
})

function read(folder: string, name: string): string | undefined {
  for (const path of [join(folder, 'agentdojo', name), join(folder, name)]) {
    try {
      return gunzipSync(readFileSync(path)).toString('utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        throw new CommandFailed(`${path} cannot be read: ${(error as Error).message}`, EXIT.usage)
    }
  }
  return undefined
}

function parse<T extends z.ZodType>(schema: T, text: string, name: string): z.output<T> {
  const parsed = schema.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  throw new CommandFailed(
    `${name} is not what it should be: ${z.prettifyError(parsed.error).slice(0, 500)}`,
    EXIT.usage,
  )
}
