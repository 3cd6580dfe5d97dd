import type { Injection } from '../../credentials/injection.ts'
import type { FlowCall, FlowResult, FlowVerdict, PersonsWords } from '../../flow/tasks.ts'
import type { TokenSession } from '../../identity/authenticate.ts'
import type { LogEvent, LogPosition, LogTrace } from '../../model/evidence.ts'
import type { Grant } from '../../model/grant.ts'
import type { Reason } from '../../model/reasons.ts'
import type { Task } from '../../model/task.ts'
import type { Lock } from '../../oversight/locks.ts'
import type { PlainView } from '../../registry/views.ts'
import type { BusEvent } from '../../store/bus.ts'
import type { Snapshot as Metrics } from '../../trace/metrics.ts'
import type { TelemetrySettings } from '../../trace/start.ts'
import type { Admission, NewHold, Seen, Settlement } from '../authority.ts'
import type { Snapshot, Stop } from '../data-plane.ts'
import type { Place } from '../listen.ts'
import type { Need } from '../readiness.ts'
import type { TlsMaterial } from '../tls.ts'

/** What a worker holds of the owner's state. The owner sends parts of it anew when they change, and waits until they are taken in. */
export interface FleetState {
  readonly snapshot: Snapshot
  readonly locks: readonly Lock[]
  /** By server. */
  readonly tools: ReadonlyMap<string, readonly PlainView[]>
  /** Values of injected credentials, for recognising them in content. */
  readonly secrets: ReadonlyMap<string, string>
}

/** What does not change while a worker runs. */
export interface FleetConstants {
  readonly issuer: string
  readonly logOrigin: string
  /** Seals sessions, so that every worker can open them. */
  readonly sealKey: Uint8Array
  readonly listen: Place
  readonly tls: TlsMaterial | undefined
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  /** Where the owner serves what only it can. */
  readonly ownerSocket: string
  readonly telemetry: TelemetrySettings
}

/** What a worker asks the owner. */
export type OwnerMethods = {
  resolveToken(hash: string): Promise<TokenSession | undefined>
  liveTask(id: string): Promise<{ readonly task: Task; readonly grant: Grant } | undefined>
  whyNotLive(id: string): Promise<Reason>
  observe(server: string, seen: Seen): Promise<void>
  injection(server: string, task: string, trace?: LogTrace): Promise<Injection>
  release(server: string, task: string): Promise<void>
  hear(words: PersonsWords): Promise<void>
  judge(call: FlowCall): Promise<FlowVerdict>
  learn(result: FlowResult): Promise<void>
  hold(hold: NewHold): Promise<void>
  admit(admission: Admission): Promise<LogPosition | Reason>
  settle(settlement: Settlement): Promise<LogPosition>
  record(event: LogEvent): Promise<LogPosition>
  missing(): Promise<readonly Need[]>
  report(problem: string): Promise<void>
}

/** What the owner asks a worker. */
export type WorkerMethods = {
  /** Resolves when the worker listens. */
  start(constants: FleetConstants, state: FleetState): Promise<void>
  update(state: Partial<FleetState>): Promise<void>
  event(event: BusEvent): Promise<void>
  stop(stop: Stop): Promise<void>
  /** The owner is there. @returns the number of open calls */
  beat(): Promise<number>
  metrics(): Promise<Metrics>
  close(): Promise<void>
}
