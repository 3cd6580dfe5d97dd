import type { SinkOf } from '../../config/sink-schema.ts'
import type { Sink } from '../delivery/sink.ts'
import { SinkFailed } from '../delivery/sink.ts'
import { HttpPost } from './http-post.ts'
import type { SinkDeps } from './index.ts'

/** Log records over OTLP/HTTP. */
export function otlpSink(config: SinkOf<'otlp'>, deps: SinkDeps): Sink {
  const post = new HttpPost(config, deps)
  return {
    async deliver(batch, signal) {
      // Only those who use it pay for loading it.
      const { mediaType, encode, rejectedIn } = (await import('./otlp-records.ts')).otlpRecords(
        config.encoding,
        deps,
      )
      const answer = await post.send(encode(batch), mediaType, signal)
      // A collector that took only a part says how many, not which: all of them come again, and their ids tell which it has.
      const rejected = rejectedIn(answer.body)
      if (rejected > 0) throw new SinkFailed(`it refused ${rejected} of ${batch.length} records`)
    },
    close: () => post.close(),
  }
}
