import { canonicalize, NotCanonical } from '@ostiary/evidence'

/**
 * Canonical JSON of what is to be recorded, also of what has none: agents and servers can send lone surrogates and numbers without end, and
 * a name that is cut short may end in half a character. A record with a mark in it says more than no record.
 */
export function recordable(value: unknown): string {
  try {
    return canonicalize(value)
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error
    return canonicalize(repaired(value))
  }
}

function repaired(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (Array.isArray(value)) return value.map(repaired)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.toWellFormed(), repaired(member)]),
  )
}
