/**
 * Constraint operators: a closed set, each with a decidable "narrower than", so that delegation can be checked.
 * A constraint object is a conjunction of its operators.
 */
export interface Constraint {
  /** The value equals this JSON scalar. */
  readonly eq?: string | number | boolean
  /** The value is one of these JSON scalars. */
  readonly one_of?: readonly (string | number | boolean)[]
  /** Inclusive bounds; the value must be a number. */
  readonly min?: number
  readonly max?: number
  /** The value is a string that starts with this one. Paths are normalised first: `..` never escapes. */
  readonly prefix?: string
  /** The value is an IP address inside this CIDR block. */
  readonly cidr?: string
  /** The value is a string of at most this many UTF-16 code units. */
  readonly max_len?: number
  /** The argument must be absent. */
  readonly forbidden?: true
}

/** Argument name (top level of `arguments`) to constraint. An argument without one is free, within the pinned schema. */
export type Constraints = Readonly<Record<string, Constraint>>

export type GrantKind = 'tool' | 'prompt' | 'resource'

/** One thing a task may do. `name` is exact, or `*` for all approved ones; for resources it is a URI prefix ending in `*` or an exact URI. */
export interface GrantDetail {
  readonly kind: GrantKind
  readonly server: string
  readonly name: string
  readonly constraints: Constraints
}

/** Counted per grant. Absent means unlimited by budget (lifetime and rate still apply). */
export interface Budget {
  readonly calls?: number
  /** Bytes of results returned to the agent. */
  readonly bytes?: number
}

export interface Spent {
  readonly calls: number
  readonly bytes: number
}

/** MAY, part two: what one task may do. */
export interface Grant {
  readonly id: string
  readonly task: string
  readonly details: readonly GrantDetail[]
  readonly budget: Budget
  readonly expiresAt: number
}
