import type { Resolver } from '../resolver.ts'

/** The handle of an object that the request calls by its name, e.g. the event 'Team Sync'. */
export const namedRecord: Resolver = {
  name: 'named-record',
  resolve({ sink, of, value }, provenance) {
    if (sink !== 'handle' || of === undefined) return undefined
    const record = provenance.record(of, String(value))
    return record && provenance.isNamed(record) ? `the ${of} that the request names` : undefined
  },
}
