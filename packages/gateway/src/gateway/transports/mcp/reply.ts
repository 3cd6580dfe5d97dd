import { EventEmitter } from 'node:events'

/** What an answer is written to: Node's ServerResponse, or a capture of one part of an aggregate answer. */
export interface Reply {
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly writableNeedDrain: boolean
  writeHead(status: number, headers: Record<string, string>): unknown
  flushHeaders(): void
  write(text: string): unknown
  end(text?: string): unknown
  on(event: 'close' | 'drain' | 'finish', listener: () => void): unknown
}

/** Holds one answer in memory, at most `limit` characters; for lists and handshakes that are merged. */
export class Captured extends EventEmitter implements Reply {
  status = 0
  headers: Record<string, string> = {}
  body = ''
  headersSent = false
  destroyed = false
  writableEnded = false
  writableFinished = false
  readonly writableNeedDrain = false
  readonly done: Promise<void>
  readonly #resolve: () => void
  readonly #limit: number

  constructor(limit: number) {
    super()
    this.#limit = limit
    const { promise, resolve } = Promise.withResolvers<void>()
    this.done = promise
    this.#resolve = resolve
  }

  writeHead(status: number, headers: Record<string, string>): void {
    this.status = status
    this.headers = headers
    this.headersSent = true
  }

  flushHeaders(): void {}

  write(text: string): void {
    if (this.body.length + text.length <= this.#limit) this.body += text
    else this.destroyed = true
  }

  end(text?: string): void {
    if (text !== undefined) this.write(text)
    this.writableEnded = true
    this.writableFinished = true
    this.emit('finish')
    this.#resolve()
  }
}
