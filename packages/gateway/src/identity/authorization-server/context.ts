import type { Clock } from '../../lib/clock.ts'
import type { LogActor, Recorder } from '../../model/evidence.ts'
import type { Budget, Grant, GrantDetail } from '../../model/grant.ts'
import type { Principal } from '../../model/principal.ts'
import type { Task } from '../../model/task.ts'
import type { Bus } from '../../store/bus.ts'
import type { Agents } from '../agents.ts'
import type { Enrolment } from '../enrolment.ts'
import type { Instances } from '../instances.ts'
import type { Tokens } from '../tokens.ts'

export interface TaskAndGrant {
  readonly task: Task
  readonly grant: Grant
}

export interface TaskWish {
  readonly template: string
  readonly purpose?: string | undefined
  readonly subject?: string | undefined
  readonly on_behalf_of?: string | undefined
}

export interface PartWish {
  readonly details?: readonly GrantDetail[] | undefined
  readonly budget?: Budget | undefined
  readonly expiresAt?: number | undefined
  readonly delegable?: number | undefined
  readonly purpose?: string | undefined
}

type Opener = Pick<Principal, 'agent' | 'agentName' | 'instance' | 'sponsor'> &
  Partial<Pick<Principal, 'binding'>>

/** What the token endpoint needs of tasks, which live in a room above. */
export interface TaskDesk {
  /** From memory; undefined when it is not live. */
  live(id: string): TaskAndGrant | undefined
  /** A task of any state. */
  describe(id: string): Promise<TaskAndGrant | undefined>
  open(opener: Opener, wish: TaskWish, signedIn?: string): Promise<TaskAndGrant>
  delegate(
    by: Pick<Principal, 'agent' | 'instance'>,
    parent: string,
    to: Opener,
    part: PartWish,
  ): Promise<TaskAndGrant>
  close(id: string, end: 'completed' | 'failed' | 'revoked', actor: LogActor): Promise<Task>
}

/** What the endpoints are built with. */
export interface AuthorizationServer {
  /** Base URL of the gateway, without a slash at the end. */
  readonly issuer: string
  readonly clock: Clock
  readonly recorder: Recorder
  readonly bus: Bus
  readonly tokens: Tokens
  readonly agents: Agents
  readonly instances: Instances
  readonly enrolment: Enrolment
  readonly tasks: TaskDesk
  readonly tokenLifetimeMs: number
  readonly proofWindowMs: number
  /** The replay memory of this machine: true the first time. */
  useOnce(key: string): boolean
  onBug(error: unknown): void
}
