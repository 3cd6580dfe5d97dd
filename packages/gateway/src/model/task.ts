export type TaskState = 'open' | 'closed'
export type TaskEnd = 'completed' | 'expired' | 'idle' | 'revoked' | 'locked'

/** MAY, part one: a purpose, on behalf of someone, about a subject, with an end. No task, no access. */
export interface Task {
  readonly id: string
  readonly agent: string
  readonly instance: string
  readonly template: string
  readonly purpose: string
  /** The person the agent acts for; the sponsor when it acts on its own. */
  readonly onBehalfOf: string
  /** What or whom the task is about, e.g. a patient id; undefined when the template has none. */
  readonly subject: string | undefined
  readonly state: TaskState
  readonly end: TaskEnd | undefined
  /** Epoch milliseconds. */
  readonly openedAt: number
  readonly expiresAt: number
  readonly idleMs: number
}
