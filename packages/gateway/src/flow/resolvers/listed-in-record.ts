import type { Resolver } from '../resolver.ts'

/** Somebody who is listed in a field (not in the text) of an object that the request names, e.g. a participant of the meeting. */
export const listedInRecord: Resolver = {
  name: 'listed-in-record',
  resolve({ sink, keys }, provenance) {
    if (sink !== 'principal') return undefined
    const record = provenance.listing(keys).find((listing) => provenance.isNamed(listing))
    return record && `listed in the ${record.type} that the request names`
  },
}
