import type { ResolverName, Sink } from '../config/label-schema.ts'
import type { CanonicalKey } from './canonical.ts'
import type { Provenance } from './provenance.ts'

/** A value in an argument, about which it is asked whether the person can have meant it. */
export interface Asked {
  readonly value: string | number
  readonly keys: readonly CanonicalKey[]
  readonly sink: Sink
  /** Kind of object, for handles. */
  readonly of: string | undefined
  readonly isRead: boolean
}

/**
 * A way, besides the request's own words and trusted sources, by which a value counts as asked for. MUST decide from the provenance alone,
 * MUST tie the value to something the request says or the task did, and MUST NOT take an attacker's word for what a record is called.
 * @returns the evidence in words, without the value; undefined when it does not apply
 */
export interface Resolver {
  readonly name: ResolverName
  resolve(asked: Asked, provenance: Provenance): string | undefined
}
