/**
 * `paused`: calls are refused, leases are kept. `closing`: the end is decided and nothing is admitted, but a credential is not yet known
 * to be dead. `closed`: tokens and leases are gone.
 */
export type TaskState = 'open' | 'paused' | 'closing' | 'closed'
export type TaskEnd = 'completed' | 'expired' | 'idle' | 'revoked' | 'locked' | 'parent' | 'failed'

/** Who says on whose behalf a task is: its sponsor stands for itself, `agent` is only claimed, `sign-in` was the person. */
export type Vouched = 'sponsor' | 'agent' | 'sign-in'

/** MAY, part one: a purpose, on behalf of someone, about a subject, with an end. No task, no access. */
export interface Task {
  readonly id: string
  readonly agent: string
  readonly instance: string
  readonly template: string
  readonly purpose: string
  /** The person the agent acts for; the sponsor when it acts on its own. */
  readonly onBehalfOf: string
  readonly vouched: Vouched
  /** What or whom the task is about, e.g. a patient id; undefined when the template has none. */
  readonly subject: string | undefined
  readonly state: TaskState
  readonly end: TaskEnd | undefined
  /** Epoch milliseconds. */
  readonly openedAt: number
  readonly expiresAt: number
  readonly idleMs: number
  /** The task that delegated this one; undefined at the root. */
  readonly parent: string | undefined
  /** `/root/…/self/`: of two tasks, one is below the other when its lineage begins with the other's. */
  readonly lineage: string
  /** One for the whole tree, to correlate it with what upstreams record. */
  readonly txn: string
}
