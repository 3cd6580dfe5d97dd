import type { Resolver } from '../resolver.ts'

/** Somebody the person dealt with before, by a record that only the person can have made. */
export const counterparty: Resolver = {
  name: 'counterparty',
  resolve({ sink, keys }, provenance) {
    if (sink !== 'principal') return undefined
    for (const record of provenance.records()) {
      if (record.isPersons && keys.some((key) => record.principals.has(key))) {
        return `a counterparty of an earlier ${record.type}`
      }
    }
    return undefined
  },
}
