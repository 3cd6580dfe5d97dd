import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A wire between a client and a PostgreSQL server, for tests, that can be cut, mended and frozen. */
export class Wire implements AsyncDisposable {
  /** The server's address by way of this wire. */
  readonly url: string
  /** Swallows what is sent on LISTEN, as a pooler in transaction mode does. */
  withoutNotifications = false
  /** Sees what the client sends. */
  onSent: ((data: Buffer) => void) | undefined
  readonly #listener: Server
  readonly #sockets = new Set<Socket>()
  #cut = false

  private constructor(url: string, listener: Server) {
    this.url = url
    this.#listener = listener
  }

  static async to(location: string): Promise<Wire> {
    const target = new URL(location)
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const url = new URL(location)
    url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`
    const wire = new Wire(url.href, listener)
    listener.on('connection', (near) => wire.#join(near, connect(Number(target.port), target.hostname)))
    return wire
  }

  /** Ends every connection and lets no new one through. */
  cut(): void {
    this.#cut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#cut = false
  }

  /** Nothing arrives any more, and nobody is told. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((closed) => this.#listener.close(closed))
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    if (this.#cut) return void near.destroy()
    near.on('data', (data) => this.onSent?.(data))
    if (this.withoutNotifications) near.on('data', (data) => far.write(withoutListen(data)))
    else near.pipe(far)
    far.pipe(near)
  }
}

/** `listen x` becomes `select 1` of the same length, which succeeds and listens to nothing. */
function withoutListen(data: Buffer): Buffer {
  return Buffer.from(
    data.toString('latin1').replace(/listen (\w+)/, (text) => 'select 1'.padEnd(text.length)),
    'latin1',
  )
}
