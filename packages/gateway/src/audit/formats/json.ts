import { eventId } from '../delivery/sink.ts'
import { briefly, factsOf } from './facts.ts'
import type { Format, Source } from './format.ts'
import { jsonLine } from './printable.ts'

/** The entry as it is in the log: its canonical JSON has the leaf hash that is given beside it. */
export const json = ({ origin }: Source): Format => ({
  mediaType: 'application/json',
  encode: (stored) =>
    jsonLine({ id: eventId(origin, stored), index: stored.index, leaf: stored.leaf, entry: stored.entry }),
  brief(stored) {
    const { ts, type } = stored.entry
    const { isOperator: _, ...rest } = factsOf(stored.entry, briefly)
    return jsonLine({
      id: eventId(origin, stored),
      index: stored.index,
      leaf: stored.leaf,
      brief: { ts, type, ...rest },
    })
  },
})
