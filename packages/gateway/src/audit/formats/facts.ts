import type { LogActor } from '../../model/evidence.ts'
import type { Json } from '../../model/json.ts'
import type { LogEntry } from '../entry.ts'
import { short } from './printable.ts'

/** How long texts are where there is room. */
const atLength = (text: string): string => short(text, 500)

/** Where the whole must be short in every format: ids and names of ours whole, nothing that a format writes as more than one octet. */
export const briefly = (text: string): string => text.replace(/[^ !#-[\]-~]/gu, '?').slice(0, 40)

/** What every form says of an entry. */
export interface Facts {
  readonly actor: string
  /** The actor is a person. */
  readonly isOperator: boolean
  /** Of an agent that acted. */
  readonly instance: string | undefined
  /** What it was done to, where that is an identity, a tool, a lock …; otherwise what the type is about. */
  readonly target: string
  readonly task: string | undefined
  readonly call: string | undefined
  readonly server: string | undefined
  readonly method: string | undefined
  /** Of the tool, prompt, resource or model. */
  readonly name: string | undefined
  readonly code: string | undefined
  readonly outcome: Outcome
  readonly trace: LogEntry['trace']
}

/** Of an intent it is not known yet. */
export type Outcome = 'success' | 'failure' | 'denied' | 'unknown'

export function factsOf(entry: LogEntry, write = atLength): Facts {
  const { actor, task, data, type, trace, subjects } = entry
  const text = (value: Json | undefined): string | undefined =>
    typeof value === 'string' ? write(value) : undefined
  const target = [
    data.agent,
    data.instance,
    data.operator,
    subjects?.[0],
    data.lock,
    data.name,
    data.target,
    data.server,
  ]
  return {
    actor: write(nameOf(actor)),
    isOperator: actor.kind === 'operator',
    instance: actor.kind === 'agent' ? write(actor.instance) : undefined,
    target: text(target.find((value) => typeof value === 'string')) ?? type,
    task: text(task),
    call: text(data.call),
    server: text(data.server),
    method: text(data.method),
    name: text(data.name),
    code: text(data.code),
    outcome: outcomeOf(type, data.result),
    trace,
  }
}

const nameOf = (actor: LogActor): string =>
  actor.kind === 'agent' ? actor.agent : actor.kind === 'operator' ? actor.operator : 'gateway'

function outcomeOf(type: string, result: Json | undefined): Outcome {
  if (/\.(denied|refused|blocked)$/.test(type)) return 'denied'
  if (type === 'call.intent') return 'unknown'
  if (type.endsWith('_failed')) return 'failure'
  return result === undefined || result === 'ok' ? 'success' : 'failure'
}
