import type { Injection } from '../credentials/injection.ts'
import type { Hold } from '../flow/holds.ts'
import type { FlowCall, FlowResult, FlowVerdict, PersonsWords } from '../flow/tasks.ts'
import type { Cost } from '../grants/budgets.ts'
import type { CompiledGrant } from '../grants/compile.ts'
import type { TokenSession } from '../identity/authenticate.ts'
import type { LogEvent, LogPosition, LogTrace } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import type { Task } from '../model/task.ts'
import type { LockSubject, LockView } from '../oversight/locks.ts'
import type { ToolView } from '../registry/tools.ts'
import type { MaybePromise } from './exchange.ts'

/** What must be true at the one linearisation point, and the entry that makes the intent durable. */
export interface Admission {
  readonly event: LogEvent
  /** Of the request body; the entry holds a keyed commitment to it, which only the owner can make. */
  readonly contentDigest: string
  /** Undefined where nothing was signed for this request. */
  readonly replayKey: string | undefined
  readonly tokenHash: string
  readonly subject: LockSubject
  readonly task: string
  readonly grant: string
  /** What to take from the grant's budget. Subjects are values here; the owner keeps only tags of them. */
  readonly cost: Cost
}

export interface Settlement {
  readonly event: LogEvent
  readonly grant: string
  /** Bytes of results that went to the agent. */
  readonly bytes: number
}

export type NewHold = Pick<Hold, 'call' | 'task' | 'tool' | 'problems'>

export interface Seen {
  readonly instructions: string | undefined
  readonly kind: 'tool' | 'prompt'
  readonly definitions: readonly JsonObject[]
}

/**
 * Everything that has one owner on a machine: the log, the store's writes of record, replay memory, budgets, locks.
 * A worker in the owner's process gets the owner itself (synchronous where it can be); any other worker gets a remote with caches.
 * `admit` MUST re-check replay, locks, task, token and budget and MUST resolve only when the intent is durable.
 */
export interface Authority {
  readonly locks: LockView
  /** False when revocations may be unknown here: admit nothing. */
  alive(): boolean
  resolveToken(hash: string): MaybePromise<TokenSession | undefined>
  liveTask(id: string): MaybePromise<{ task: Task; grant: CompiledGrant } | undefined>
  /** Why the task is not live, for the sentence of the denial. */
  whyNotLive(id: string): MaybePromise<Reason>
  tools(server: string): MaybePromise<ReadonlyMap<string, ToolView>>
  observe(server: string, seen: Seen): Promise<ReadonlyMap<string, ToolView>>
  /** @param trace the call that needs it, for the record of what is opened for it */
  injection(server: string, task: string, trace?: LogTrace): MaybePromise<Injection>
  /** Gives back the credential that a task holds on a server. */
  release(server: string, task: string): Promise<void>
  /** What a person says on the model leg, by the agent's word. */
  hear(words: PersonsWords): MaybePromise<void>
  /** Where the values of a call come from. What `learn` was told before is known to it. */
  judge(call: FlowCall): MaybePromise<FlowVerdict>
  /** Resolves when what came back is known; only then may the agent see it. */
  learn(result: FlowResult): MaybePromise<void>
  /** Puts a call before a person. */
  hold(hold: NewHold): MaybePromise<void>
  admit(admission: Admission): Promise<LogPosition | Reason>
  settle(settlement: Settlement): Promise<LogPosition>
  record(event: LogEvent): Promise<LogPosition>
}

export const isReason = (result: LogPosition | Reason): result is Reason => 'code' in result
