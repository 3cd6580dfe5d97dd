import type { Resolver } from '../resolver.ts'

/** Somebody the person dealt with before, by a record that only the person can have made. */
export const counterparty: Resolver = {
  name: 'counterparty',
  resolve({ sink, keys }, provenance) {
    if (sink !== 'principal') return undefined
    const record = provenance.listing(keys).find(({ isPersons }) => isPersons)
    return record && `a counterparty of an earlier ${record.type}`
  },
}
