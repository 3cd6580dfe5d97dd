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

export type GrantKind = 'tool' | 'prompt' | 'resource' | 'model'

/** One thing a task may do. `name` is exact, or `*` for all approved ones; for resources it is a URI prefix ending in `*` or an exact URI. For models, `server` is the provider. */
export interface GrantDetail {
  readonly kind: GrantKind
  readonly server: string
  readonly name: string
  readonly constraints: Constraints
}

/** What is counted per grant. Absent means unlimited by budget (lifetime and rate still apply). */
export const DIMENSIONS = ['calls', 'writes', 'subjects', 'bytes', 'spend'] as const
export type Dimension = (typeof DIMENSIONS)[number]

/**
 * `calls` reach a tool, prompt, resource or model; `writes` are calls of tools that are not pinned as read-only; `subjects` are distinct values of
 * the arguments that name a subject; `bytes` are of results to the agent; `spend` is the sum of the costs of tools and models.
 */
export type Budget = { readonly [D in Dimension]?: number | undefined }
export type Spent = { readonly [D in Dimension]: number }

export const NOTHING_SPENT: Spent = Object.freeze({ calls: 0, writes: 0, subjects: 0, bytes: 0, spend: 0 })

/** MAY, part two: what one task may do. */
export interface Grant {
  readonly id: string
  readonly task: string
  readonly details: readonly GrantDetail[]
  readonly budget: Budget
  /** Names of arguments whose values are subjects, for counting them. */
  readonly subjectArguments: readonly string[]
  /** Cost of one call by `server/tool` or `provider/model`; others cost nothing. */
  readonly costs: Readonly<Record<string, number>>
  /** Functions a model may call that the agent carries out by itself; none unless named. */
  readonly localTools?: readonly string[]
  /** How many links may hang below this grant; 0 when it may not be delegated. */
  readonly delegable: number
  /** Agents it may be delegated to, by name. */
  readonly delegates: readonly string[]
  readonly parent: string | undefined
  readonly expiresAt: number
  /** Templates whose rights were added by step-up. */
  readonly added?: readonly string[]
}
