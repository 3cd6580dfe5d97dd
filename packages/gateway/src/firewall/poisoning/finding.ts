/** What can be wrong with a definition, as people name it when they approve in spite of it. */
export const POISONING_CODES = [
  'injection',
  'addresses-agent',
  'sensitive-path',
  'command',
  'hidden-text',
  'encoded-text',
  'tool-markup',
  'shadowing',
  'look-alike',
  'same-name',
  'address-in-default',
  'free-context',
  'long-text',
] as const

export type PoisoningCode = (typeof POISONING_CODES)[number]

/** Something in a definition that a person should look at. `high` needs an explicit decision against it. */
export interface PoisoningFinding {
  readonly code: PoisoningCode
  readonly level: 'note' | 'high'
  /** Member names joined by dots; `instructions` for those of the server. */
  readonly path: string
  readonly what: string
}

/** Takes findings; `path` as in {@link PoisoningFinding}. */
export type Report = (
  code: PoisoningCode,
  level: PoisoningFinding['level'],
  path: string,
  what: string,
) => void
