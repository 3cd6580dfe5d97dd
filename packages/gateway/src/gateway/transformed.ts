import type { Original } from '../firewall/treat.ts'
import type { LogEvent } from '../model/evidence.ts'
import type { Exchange, Facts } from './exchange.ts'

/** Bytes of JSON that are sealed into one entry of the log, which holds 65,535. */
const MAX_SEALED = 16_384

/** What rules of the operator changed in a message, for the record: names, no content. */
export function transformedEvent(exchange: Exchange, originals: readonly Original[]): LogEvent {
  const { task, action } = exchange.facts as Facts
  const names = (of: (original: Original) => string) => [...new Set(originals.map(of))].sort()
  return {
    type: 'content.transformed',
    actor: { kind: 'gateway' },
    task: task.id,
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
export function sealedPart(originals: readonly Original[]): string {
  const kept = new Map<string, string>()
  let room = MAX_SEALED - 100
  let leftOut = 0
  for (const { what, text } of originals) {
    if (text === undefined) continue
    const json = JSON.stringify({ what, text })
    if (kept.has(json)) continue
    room -= Buffer.byteLength(json) + 1
    if (room < 0) leftOut++
    else kept.set(json, json)
  }
  return `{"originals":[${[...kept.keys()].join(',')}],"left_out":${leftOut}}`
}
