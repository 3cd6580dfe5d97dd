import type { SecretReference } from '../../config/schema.ts'
import type { FormatConfig, SinkConfig } from '../../config/sink-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Secret } from '../../lib/secret.ts'
import type { Sink } from '../delivery/sink.ts'
import type { Format, Source } from '../formats/format.ts'
import { formats } from '../formats/index.ts'
import { fileSink } from './file.ts'
import { httpsSink } from './https.ts'
import { otlpSink } from './otlp.ts'
import { stdoutSink } from './stdout.ts'
import { syslogSink } from './syslog.ts'

export interface SinkDeps extends Source {
  /** Name in the configuration. */
  readonly name: string
  /** Folder that paths of the configuration are relative to. */
  readonly dir: string
  readonly clock: Clock
  /** Resolves a reference of the configuration. @throws Refusal, without the value */
  secret(sink: string, reference: SecretReference): Promise<Secret>
}

/** Every kind of sink. A format is one thing, the way there another: each way takes any format, but OTLP, which is both. */
export function openSink(config: SinkConfig, deps: SinkDeps): Sink {
  const formatOf = (chosen: FormatConfig): Format => formats[chosen.format](deps, chosen)
  switch (config.to) {
    case 'file':
      return fileSink(config, formatOf(config), deps)
    case 'stdout':
      return stdoutSink(formatOf(config))
    case 'https':
      return httpsSink(config, formatOf(config), deps)
    case 'syslog':
      return syslogSink(config, formatOf(config), deps)
    case 'otlp':
      return otlpSink(config, deps)
  }
}
