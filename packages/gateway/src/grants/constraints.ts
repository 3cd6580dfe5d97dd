import type { Constraint } from '../model/grant.ts'
import type { Json } from '../model/json.ts'
import type { AddressBlock } from './address-block.ts'
import { blockWithin, parseBlock } from './address-block.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'

/**
 * What a value breaks, in words that complete "it must …"; undefined when it satisfies every operator. Never names the value.
 * An argument that is absent satisfies nothing but `forbidden`: what the server would put in its place is not known.
 */
export function violated(constraint: Constraint, value: Json | undefined): string | undefined {
  if (constraint.forbidden) return value === undefined ? undefined : 'be absent'
  if (value === undefined) return 'be given'
  const { eq, one_of, min, max, max_len, prefix } = constraint
  if (eq !== undefined && value !== eq) return `be ${JSON.stringify(eq)}`
  if (one_of && !one_of.includes(value as string))
    return `be one of ${JSON.stringify(one_of).slice(1, -1).slice(0, 200)}`
  if (min !== undefined && !(typeof value === 'number' && value >= min)) return `be at least ${min}`
  if (max !== undefined && !(typeof value === 'number' && value <= max)) return `be at most ${max}`
  if (max_len !== undefined && !(typeof value === 'string' && value.length <= max_len)) {
    return `be a text of at most ${max_len} characters`
  }
  if (prefix !== undefined && !(typeof value === 'string' && hasPrefix(value, prefix))) {
    return `start with \`${prefix}\` and hold no \`..\``
  }
  if (constraint.cidr !== undefined && !(typeof value === 'string' && blockOf(constraint)?.has(value))) {
    return `be an address in ${constraint.cidr}`
  }
  return undefined
}

/** Where a value could be read as a path elsewhere it is refused rather than normalised: what it means is up to its reader. */
const hasPrefix = (value: string, prefix: string): boolean =>
  startsWith(value, prefix) && !isAmbiguousPath(value)

/** `/data/` also covers the folder `/data` itself. */
const startsWith = (value: string, prefix: string): boolean =>
  value.startsWith(prefix) || (prefix.endsWith('/') && value === prefix.slice(0, -1))

const blocks = new WeakMap<Constraint, AddressBlock | null>()

/** The block of a `cidr` operator, built once; undefined when it is malformed, so that nothing is inside. */
function blockOf(constraint: Constraint): AddressBlock | undefined {
  let block = blocks.get(constraint)
  if (block === undefined) {
    block = parseBlock(constraint.cidr ?? '') ?? null
    blocks.set(constraint, block)
  }
  return block ?? undefined
}

/** What is wrong with a constraint itself: bad syntax, or operators that no value can satisfy together. Undefined when it is fine. */
export function malformed(constraint: Constraint): string | undefined {
  const { eq, one_of, min, max, max_len, prefix, cidr, forbidden } = constraint
  if (forbidden) {
    return Object.keys(constraint).length > 1 ? 'forbidden allows no other operator' : undefined
  }
  if (cidr !== undefined && !blockOf(constraint)) return 'cidr is not an address block such as 10.0.0.0/8'
  if (min !== undefined && max !== undefined && min > max) return 'min is greater than max'
  const isNumber = min !== undefined || max !== undefined
  const isText = max_len !== undefined || prefix !== undefined || cidr !== undefined
  if (isNumber && isText) return 'no value is both a number and a text'
  if (prefix !== undefined && isAmbiguousPath(prefix)) return 'prefix holds `..` or an encoded path'
  if (prefix !== undefined && max_len !== undefined && prefix.replace(/\/$/, '').length > max_len) {
    return 'prefix is longer than max_len'
  }
  const values = eq !== undefined ? [eq] : one_of
  if (values?.every((value) => violated(constraint, value) !== undefined)) {
    return 'no listed value satisfies the other operators'
  }
  return undefined
}

/**
 * True when every value that satisfies `a` satisfies `b`. Decidable for the closed set of operators, and on the safe side: what it
 * cannot show is false.
 */
export function narrower(a: Constraint, b: Constraint): boolean {
  if (a.forbidden || b.forbidden) return a.forbidden === b.forbidden
  const values = a.eq !== undefined ? [a.eq] : a.one_of
  if (values) {
    return values.every((value) => violated(a, value) !== undefined || violated(b, value) === undefined)
  }
  if (b.eq !== undefined || b.one_of) return false
  if (b.min !== undefined && !(a.min !== undefined && a.min >= b.min)) return false
  if (b.max !== undefined && !(a.max !== undefined && a.max <= b.max)) return false
  if (b.max_len !== undefined && !(a.max_len !== undefined && a.max_len <= b.max_len)) return false
  if (b.prefix !== undefined && !(a.prefix !== undefined && prefixWithin(a.prefix, b.prefix))) return false
  if (b.cidr === undefined) return true
  const [inner, outer] = [blockOf(a), blockOf(b)]
  return inner !== undefined && outer !== undefined && blockWithin(inner, outer)
}

/** `/data/` accepts `/data` too, which only itself or a prefix of `/data` covers. */
const prefixWithin = (a: string, b: string): boolean =>
  a.startsWith(b) && (!a.endsWith('/') || startsWith(a.slice(0, -1), b))
