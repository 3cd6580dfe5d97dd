import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { SinkOf } from '../../config/sink-schema.ts'
import type { Sink } from '../delivery/sink.ts'
import type { Format } from '../formats/format.ts'
import type { SinkDeps } from './index.ts'
import { syslogMessage } from './syslog-message.ts'
import type { Receiver } from './tls-transmission.ts'
import { transmit } from './tls-transmission.ts'

/** Syslog over TLS (RFC 5425, octet counting). Syslog has no acknowledgement of its own, so each batch has a connection: see `transmit`. */
export function syslogSink(config: SinkOf<'syslog'>, format: Format, deps: SinkDeps): Sink {
  const host = hostname()
  return {
    async deliver(batch, signal) {
      const frames = batch.map((stored) => {
        const message = syslogMessage(stored, format, {
          origin: deps.origin,
          host,
          process: process.pid,
          maxOctets: config.max_octets,
        })
        return Buffer.concat([Buffer.from(`${message.length} `), message])
      })
      await transmit(Buffer.concat(frames), await receiverOf(config, deps), signal)
    },
    async close() {},
  }
}

async function receiverOf(
  { host, port, ca, client }: SinkOf<'syslog'>,
  { dir, name, secret }: SinkDeps,
): Promise<Receiver> {
  return {
    host,
    port,
    // Names alone go into SNI (RFC 6066 section 3).
    servername: isIP(host) === 0 ? host : '',
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: await readFile(resolve(dir, ca)) }),
    ...(client === undefined
      ? {}
      : {
          cert: await readFile(resolve(dir, client.cert)),
          key: (await secret(`audit.sinks.${name}`, client.key)).reveal(),
        }),
  }
}
