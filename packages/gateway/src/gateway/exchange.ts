import type { Injection } from '../credentials/injection.ts'
import type { FlowVerdict } from '../flow/tasks.ts'
import type { CompiledGrant } from '../grants/compile.ts'
import type { Action } from '../model/action.ts'
import type { Decision } from '../model/decision.ts'
import type { LogPosition } from '../model/evidence.ts'
import type { Json } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import type { Reason } from '../model/reasons.ts'
import type { Task } from '../model/task.ts'
import type { CallTrace } from '../trace/call-trace.ts'

/** What the HTTP request carried for proving who sent it. */
export interface Presented {
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  /** HTTP method and absolute public URL, as the proof must name them. */
  readonly method: string
  readonly url: string
  /** Undefined when the request has no body. */
  readonly contentDigest: string | undefined
  /** Thumbprint of the client certificate of the connection (`x5t#S256`), when there is one. */
  readonly certificate: string | undefined
  /** Tells the parts of one proof apart when one request is made for several servers; empty otherwise. */
  readonly part: string
}

/** The texts of a request to a model. Who says what is the agent's own word. */
export interface Turns {
  /** Said to be the person's. */
  readonly person: readonly string[]
  /** Results of tools, documents, and whatever else nobody answers for. */
  readonly untrusted: readonly string[]
}

/** Learned in order by the stages, never rewritten. */
export interface Facts {
  readonly presented: Presented
  readonly action: Action
  /** What the transport has against the request, once it is known who sent it. */
  readonly objection: (principal: Principal, task: string | undefined) => Reason | undefined
  readonly principal: Principal
  /** Task the access token is bound to; undefined for a token that has none. */
  readonly tokenTask: string | undefined
  /** That task and those above it, the root first; empty for a token that has none. */
  readonly lineage: readonly string[]
  readonly tokenHash: string
  /** Undefined where nothing was signed for this request: its token is bound to a certificate, or to nothing. */
  readonly replayKey: string | undefined
  readonly task: Task
  readonly grant: CompiledGrant
  readonly segments: { readonly agent: string; readonly server: string }
  /** Makes sure that the definition the upstream offers now is the pinned one. Set by the transport. */
  readonly verifyTool: () => MaybePromise<void>
  /** The tool is not pinned as read-only. */
  readonly isWrite: boolean
  /** What a model is asked, by whose words they are said to be. */
  readonly turns: Turns
  /** Everything that leaves towards the upstream, for inspection. */
  readonly outgoing: unknown
  /** A detector found something in what leaves that reads like an attack. */
  readonly isSuspect: boolean
  /** Where the values in its arguments come from. */
  readonly flow: FlowVerdict
  readonly intent: LogPosition
  readonly injection: Injection
}

export type MaybePromise<T> = T | Promise<T>

/** One thing an agent asks for, on its way through the stages. */
export interface Exchange {
  /** `cal_…`; correlates intent, outcome and denial. */
  readonly id: string
  readonly startedAt: number
  readonly signal: AbortSignal
  readonly facts: Partial<Facts>
  readonly trace: CallTrace
  /** What detectors found on the way there and back, for the record: names, no content. */
  readonly findings: Set<string>
  /** What came back, where the log keeps it. */
  result?: Json
}

export interface StageResult<Adds extends keyof Facts> {
  readonly decision: Decision
  readonly facts?: Pick<Facts, Adds>
}

/**
 * One check. MUST decide from `facts` alone plus what it was built with, MUST NOT have an effect outside the gateway,
 * and MAY throw a Refusal, which counts as a denial with its reason. Any other exception becomes `deny INTERNAL`.
 */
export interface Stage<Needs extends keyof Facts, Adds extends keyof Facts = never> {
  readonly name: StageName
  run(facts: Pick<Facts, Needs>, exchange: Exchange): MaybePromise<StageResult<Adds>>
}

export type StageName =
  | 'receive'
  | 'authenticate'
  | 'locks'
  | 'task'
  | 'segment'
  | 'tool'
  | 'grant'
  | 'policy'
  | 'budget'
  | 'inspect'
  | 'flow'
  | 'approve'
  | 'record'
  | 'credential'
