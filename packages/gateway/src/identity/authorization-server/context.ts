import type { Clock } from '../../lib/clock.ts'
import type { Recorder } from '../../model/evidence.ts'
import type { Enrolment } from '../enrolment.ts'
import type { Instances } from '../instances.ts'
import type { Tokens } from '../tokens.ts'

/** What the endpoints are built with. */
export interface AuthorizationServer {
  /** Base URL of the gateway, without a slash at the end. */
  readonly issuer: string
  readonly clock: Clock
  readonly recorder: Recorder
  readonly tokens: Tokens
  readonly instances: Instances
  readonly enrolment: Enrolment
  readonly tokenLifetimeMs: number
  readonly proofWindowMs: number
  /** The replay memory of this machine: true the first time. */
  useOnce(key: string): boolean
  /** A live task, for binding a token to it. */
  taskOf(id: string): Promise<{ instance: string; expiresAt: number } | undefined>
  onBug(error: unknown): void
}
