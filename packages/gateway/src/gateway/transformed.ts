import type { Original } from '../firewall/treat.ts'
import type { LogEvent } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Exchange, Facts } from './exchange.ts'
import { aboutOf } from './kept-content.ts'

/** Bytes of JSON that are kept of one message. */
const MAX_SEALED = 16_384

/** What rules of the operator changed in a message, for the record: names, no content. */
export function transformedEvent(exchange: Exchange, originals: readonly Original[]): LogEvent {
  const { task, action, grant } = exchange.facts as Facts
  const names = (of: (original: Original) => string) => [...new Set(originals.map(of))].sort()
  return {
    type: 'content.transformed',
    actor: { kind: 'gateway' },
    task: task.id,
    trace: exchange.trace.logged,
    ...aboutOf(task, action, grant),
    content: keptOriginals(originals),
    data: {
      call: exchange.id,
      server: action.server,
      detectors: names(({ detector }) => detector),
      what: names(({ what }) => what),
      do: names((original) => original.do),
      count: originals.length,
    },
  }
}

/** What was taken out, each value once, as far as there is room. */
function keptOriginals(originals: readonly Original[]): JsonObject {
  const kept = new Map<string, JsonObject>()
  let room = MAX_SEALED
  let leftOut = 0
  for (const { what, text } of originals) {
    if (text === undefined) continue
    const key = JSON.stringify([what, text])
    if (kept.has(key)) continue
    room -= Buffer.byteLength(key) + 1
    if (room < 0) leftOut++
    else kept.set(key, { what, text })
  }
  return { originals: [...kept.values()], left_out: leftOut }
}
