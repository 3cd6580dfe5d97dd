import type { SinkOf } from '../../config/sink-schema.ts'
import type { Sink } from '../delivery/sink.ts'
import type { Format } from '../formats/format.ts'
import { jsonLine } from '../formats/printable.ts'
import type { StoredEntry } from '../log.ts'
import { HttpPost } from './http-post.ts'
import type { SinkDeps } from './index.ts'

/** A batch is one request; whatever it is answered with but a 2xx, all of it is sent again. */
export function httpsSink(config: SinkOf<'https'>, format: Format, deps: SinkDeps): Sink {
  const post = new HttpPost(config, deps)
  const body = BODIES[config.body]
  return {
    async deliver(batch, signal) {
      const events = batch.map((stored) => format.encode(stored))
      const isLines = config.body === 'ndjson'
      const mediaType =
        isLines && format.mediaType === 'application/json' ? 'application/x-ndjson' : format.mediaType
      await post.send(body(events, batch), mediaType, signal)
    },
    close: () => post.close(),
  }
}

const BODIES: Record<
  SinkOf<'https'>['body'],
  (events: readonly string[], batch: readonly StoredEntry[]) => string
> = {
  ndjson: (events) => events.map((event) => `${event}\n`).join(''),
  array: (events) => `[${events.join(',')}]`,
  /** Splunk HTTP Event Collector: objects one after the other, `time` in seconds. */
  splunk: (events, batch) =>
    events
      .map((event, i) => {
        const about = {
          time: (batch[i] as StoredEntry).entry.ts / 1000,
          source: 'ostiary',
          sourcetype: '_json',
        }
        return `${jsonLine(about).slice(0, -1)},"event":${event}}\n`
      })
      .join(''),
}
