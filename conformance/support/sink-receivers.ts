import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Issued } from './certificates.ts'

/** A collector over HTTP that keeps what it takes, and answers as the test says. */
export class HttpCollector implements AsyncDisposable {
  readonly bodies: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[] = []
  /** Answers a request; undefined: takes it with 200. */
  behave: ((req: IncomingMessage, res: ServerResponse, keep: () => void) => void) | undefined
  #server = createHttpServer()
  port = 0

  static async start(port = 0): Promise<HttpCollector> {
    const collector = new HttpCollector()
    await collector.listen(port)
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/collect`
  }

  async listen(port = this.port): Promise<void> {
    this.#server = createHttpServer(async (req, res) => {
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      const keep = () => this.bodies.push({ headers: req.headers, body: Buffer.concat(chunks) })
      if (this.behave) return this.behave(req, res, keep)
      keep()
      res.end()
    })
    await new Promise<void>((ready) => this.#server.listen(port, '127.0.0.1', ready))
    this.port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  /** Every line of every body that it took. */
  get lines(): string[] {
    return this.bodies.flatMap(({ body }) => body.toString('utf8').split('\n').filter(Boolean))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** A syslog receiver over TLS with octet counting, by the book: it closes its side once it has read to the end. */
export class SyslogCollector implements AsyncDisposable {
  readonly messages: string[] = []
  /** What it does with a new connection instead. */
  behave: ((socket: Socket) => void) | undefined
  readonly #server
  readonly #sockets = new Set<Socket>()

  private constructor(identity: Issued, clientCa: string | undefined) {
    this.#server = createTlsServer(
      {
        ...identity,
        ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
      },
      (socket) => {
        this.#sockets.add(socket)
        socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
        if (this.behave) return this.behave(socket)
        const chunks: Buffer[] = []
        socket.on('data', (chunk: Buffer) => chunks.push(chunk))
        socket.on('end', () => this.messages.push(...frames(Buffer.concat(chunks))))
      },
    )
    this.#server.on('tlsClientError', () => {})
  }

  static async start(identity: Issued, clientCa?: string): Promise<SyslogCollector> {
    const collector = new SyslogCollector(identity, clientCa)
    await new Promise<void>((ready) => collector.#server.listen(0, '127.0.0.1', ready))
    return collector
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((done) => this.#server.close(done))
  }
}

/** Octet counting (RFC 5425 section 4.3): length, space, message. */
export function frames(data: Buffer): string[] {
  const messages: string[] = []
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at)
    const length = Number(data.subarray(at, space).toString())
    messages.push(data.subarray(space + 1, space + 1 + length).toString('utf8'))
    at = space + 1 + length
  }
  return messages
}
