import type { Socket } from 'node:net'
import { connect as connectTcp } from 'node:net'
import { Duplex } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import { SinkFailed } from '../delivery/sink.ts'

/** Receivers of these protocols have nothing to say. */
const MAX_ANSWER = 16_384
/** For what was read last to come through decryption. */
const DECRYPTION_MS = 100
const LEAST_QUIET_MS = 5

export interface Receiver extends Omit<ConnectionOptions, 'socket' | 'host' | 'port'> {
  readonly host: string
  readonly port: number
}

/**
 * Sends data over a TLS connection of its own, to a receiver that never acknowledges. It counts as taken when the receiver ends its side of
 * the TLS session (`close_notify`) after ours, and then the connection in peace: it has read to our end then. An end of the mere connection
 * says nothing: that is also what a receiver that dies leaves behind. One that refuses us ends the session too, but by itself, for which it
 * has twice the time of the handshake, or with data unread, upon which its system resets the connection (RFC 2525 section 2.17).
 * @throws SinkFailed
 */
export async function transmit(data: Buffer, receiver: Receiver, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (message: string) => reject(new SinkFailed(message))
  const begun = performance.now()
  const tcp = connectTcp({ host: receiver.host, port: receiver.port, allowHalfOpen: true })
  const tls = connectTls({ ...receiver, socket: withoutEnd(tcp), rejectUnauthorized: true })
  const onAbort = () => fail('it did not take them in time')
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  let hasEnded = false
  let isSessionOver = false
  let isConnectionOver = false
  let quiet: NodeJS.Timeout | undefined
  let truncated: NodeJS.Timeout | undefined
  let answered = 0
  tls.once('secureConnect', () => {
    tls.write(data, (error) => {
      if (error) return
      const enough = Math.max(LEAST_QUIET_MS, 2 * (performance.now() - begun))
      quiet = setTimeout(() => {
        hasEnded = true
        tls.end()
      }, enough)
    })
  })
  tls.on('data', (chunk: Buffer) => {
    answered += chunk.length
    if (answered > MAX_ANSWER) fail('it sends data, so it is no receiver of this protocol')
  })
  tls.once('end', () => {
    if (!hasEnded) return fail('it ended the session before it had everything')
    isSessionOver = true
    if (isConnectionOver) resolve()
  })
  tcp.once('end', () => {
    isConnectionOver = true
    if (isSessionOver) return resolve()
    truncated = setTimeout(
      () => fail('it closed the connection before it had read everything'),
      DECRYPTION_MS,
    )
  })
  for (const socket of [tls, tcp])
    socket.once('error', (error: NodeJS.ErrnoException) => fail(problemOf(error)))
  tcp.once('close', () => fail('it closed the connection before it had read everything'))
  try {
    await promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    clearTimeout(quiet)
    clearTimeout(truncated)
    for (const socket of [tls, tcp]) socket.on('error', () => {}).destroy()
  }
}

/** The connection as a stream that does not tell its end, and outlives the session, so that an end of the TLS session is one that the other side said. */
function withoutEnd(tcp: Socket): Duplex {
  const stream = new Duplex({
    read: () => void tcp.resume(),
    write: (chunk: Buffer, _encoding, done) => void tcp.write(chunk, done),
    final: (done) => void tcp.end(done),
  })
  tcp.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) tcp.pause()
  })
  return stream
}

/** Never what the other side says. */
function problemOf({ code, name }: NodeJS.ErrnoException): string {
  const shown = code ?? name
  return /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(shown)
    ? `no TLS session that can be trusted came about (${shown})`
    : `the connection failed (${shown})`
}
