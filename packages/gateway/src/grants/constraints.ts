import { BlockList, isIP } from 'node:net'
import type { Constraint } from '../model/grant.ts'
import type { Json } from '../model/json.ts'

/**
 * What a value breaks, in words that complete "it must …"; undefined when it satisfies every operator. Never names the value.
 */
export function violated(constraint: Constraint, value: Json | undefined): string | undefined {
  if (constraint.forbidden) return value === undefined ? undefined : 'be absent'
  if (value === undefined) return 'be given'
  if (constraint.eq !== undefined && value !== constraint.eq) return `be ${JSON.stringify(constraint.eq)}`
  if (constraint.one_of && !constraint.one_of.includes(value as string)) {
    return `be one of ${constraint.one_of
      .map((item) => JSON.stringify(item))
      .join(', ')
      .slice(0, 200)}`
  }
  if (constraint.min !== undefined && !(typeof value === 'number' && value >= constraint.min))
    return `be at least ${constraint.min}`
  if (constraint.max !== undefined && !(typeof value === 'number' && value <= constraint.max))
    return `be at most ${constraint.max}`
  if (
    constraint.max_len !== undefined &&
    !(typeof value === 'string' && value.length <= constraint.max_len)
  ) {
    return `be a text of at most ${constraint.max_len} characters`
  }
  if (
    constraint.prefix !== undefined &&
    !(typeof value === 'string' && hasPrefix(value, constraint.prefix))
  ) {
    return `start with ${JSON.stringify(constraint.prefix)} and hold no \`..\``
  }
  if (constraint.cidr !== undefined && !(typeof value === 'string' && inBlock(value, constraint.cidr))) {
    return `be an address in ${constraint.cidr}`
  }
  return undefined
}

/**
 * Prefix of a text; of a path when the prefix looks like one. A path with `..`, a NUL or an encoded dot or slash is refused outright,
 * because what it means is up to who reads it. `/data/` also covers the folder `/data` itself.
 */
function hasPrefix(value: string, prefix: string): boolean {
  if (/[/\\]/.test(prefix)) {
    if (/(^|[/\\])\.\.([/\\]|$)|\0|%(2e|2f|5c|00)/i.test(value)) return false
    if (prefix.endsWith('/') && value === prefix.slice(0, -1)) return true
  }
  return value.startsWith(prefix)
}

function inBlock(value: string, cidr: string): boolean {
  const version = isIP(value)
  return version !== 0 && block(cidr).check(value, version === 4 ? 'ipv4' : 'ipv6')
}

function block(cidr: string): BlockList {
  const [address = '', bits = ''] = cidr.split('/')
  const list = new BlockList()
  list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6')
  return list
}

/** What is wrong with a constraint itself, or undefined. */
export function malformed(constraint: Constraint): string | undefined {
  if (constraint.cidr !== undefined) {
    const [address = '', bits = '', more] = constraint.cidr.split('/')
    const version = isIP(address)
    const limit = version === 4 ? 32 : 128
    if (version === 0 || more !== undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > limit)
      return 'cidr is not an address block'
  }
  const { min, max } = constraint
  if (min !== undefined && max !== undefined && min > max) return 'min is greater than max'
  if (constraint.forbidden && Object.keys(constraint).length > 1) return 'forbidden allows no other operator'
  return undefined
}

/**
 * True when every value that satisfies `a` satisfies `b`. Decidable for the closed set of operators, and on the safe side: what it
 * cannot show is false.
 */
export function narrower(a: Constraint, b: Constraint): boolean {
  if (a.forbidden || b.forbidden) return a.forbidden === b.forbidden
  const values = a.eq !== undefined ? [a.eq] : a.one_of
  if (values)
    return values.every((value) => violated(a, value) !== undefined || violated(b, value) === undefined)
  if (b.eq !== undefined || b.one_of) return false
  if (b.min !== undefined && !(a.min !== undefined && a.min >= b.min)) return false
  if (b.max !== undefined && !(a.max !== undefined && a.max <= b.max)) return false
  if (b.max_len !== undefined && !(a.max_len !== undefined && a.max_len <= b.max_len)) return false
  if (b.prefix !== undefined && !(a.prefix !== undefined && prefixWithin(a.prefix, b.prefix))) return false
  if (b.cidr !== undefined && !(a.cidr !== undefined && blockWithin(a.cidr, b.cidr))) return false
  return true
}

/** A prefix without a slash accepts values that the path rules of the other would refuse. */
const prefixWithin = (a: string, b: string): boolean =>
  hasPrefix(a, b) &&
  (/[/\\]/.test(a) || !/[/\\]/.test(b)) &&
  (!a.endsWith('/') || hasPrefix(a.slice(0, -1), b))

function blockWithin(a: string, b: string): boolean {
  const [addressA = '', bitsA = ''] = a.split('/')
  const [addressB = '', bitsB = ''] = b.split('/')
  return isIP(addressA) === isIP(addressB) && Number(bitsA) >= Number(bitsB) && inBlock(addressA, b)
}
