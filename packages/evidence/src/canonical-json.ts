/** The value has no canonical form. */
export class NotCanonical extends Error {
  override name = 'NotCanonical'
}

/**
 * Canonical JSON text (RFC 8785, JCS): members sorted by UTF-16 code units, shortest number form, no white space.
 * @throws NotCanonical for NaN, infinities, lone surrogates and anything JSON does not have
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new NotCanonical('a string holds a lone surrogate')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      if (!Number.isFinite(value)) throw new NotCanonical('a number is not finite')
      return JSON.stringify(value)
    case 'object':
      break
    default:
      throw new NotCanonical(`a ${typeof value} has no JSON form`)
  }
  if (value === null) return 'null'
  // Array.from makes holes `undefined`, which is refused.
  if (Array.isArray(value)) return `[${Array.from(value, canonicalize).join(',')}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    throw new NotCanonical('an object of a class has no JSON form')
  const members: string[] = []
  const object = value as Record<string, unknown>
  for (const key of Object.keys(object).sort()) {
    const member = object[key]
    if (member !== undefined) members.push(`${canonicalize(key)}:${canonicalize(member)}`)
  }
  return `{${members.join(',')}}`
}
