import type { Resolver } from '../resolver.ts'
import { isNamed } from './named.ts'

/** Somebody who is listed in a field (not in the text) of an object that the request names, e.g. a participant of the meeting. */
export const listedInRecord: Resolver = {
  name: 'listed-in-record',
  resolve({ sink, keys }, provenance) {
    if (sink !== 'principal') return undefined
    for (const record of provenance.records()) {
      if (keys.some((key) => record.principals.has(key)) && isNamed(record, provenance)) {
        return `listed in the ${record.type} that the request names`
      }
    }
    return undefined
  },
}
