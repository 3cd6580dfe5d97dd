import { AuditUnavailable } from '../../model/evidence.ts'
import type { Reason } from '../../model/reasons.ts'
import { Refusal } from '../../model/refusal.ts'

/** What one process lets the other ask. Arguments and results are what structured clone carries. */
export type Methods = { readonly [method: string]: (...args: never[]) => unknown }

/** The pipe between two processes. */
export interface Port {
  send(message: Message): void
  onMessage(listener: (message: Message) => void): void
}

type Carried =
  | { readonly kind: 'refusal'; readonly reason: Reason }
  | { readonly kind: 'audit'; readonly name: string; readonly message: string }
  | { readonly kind: 'bug'; readonly message: string }

interface Question {
  readonly ask: number
  readonly method: string
  readonly args: readonly unknown[]
}

export type Message =
  | Question
  | { readonly done: number; readonly value: unknown }
  | { readonly failed: number; readonly error: Carried }

/** The other process is gone; whether it did what it was asked is unknown. */
export class ChannelClosed extends Error {
  override name = 'ChannelClosed'
}

/** Questions and answers between the owner and a worker, in the order they were sent. */
export class Channel<Theirs extends Methods> {
  readonly #port: Port
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #asked = 0
  #isClosed = false

  constructor(port: Port, ours: Methods) {
    this.#port = port
    port.onMessage((message) => {
      if ('ask' in message) void this.#answer(ours, message)
      else if ('done' in message) this.#take(message.done)?.resolve(message.value)
      else this.#take(message.failed)?.reject(revived(message.error))
    })
  }

  /** @throws what the other side threw: Refusal, AuditUnavailable, Error; ChannelClosed */
  ask<M extends keyof Theirs & string>(
    method: M,
    ...args: Parameters<Theirs[M]>
  ): Promise<Awaited<ReturnType<Theirs[M]>>> {
    const waiting = Promise.withResolvers<unknown>()
    const id = this.#asked++
    this.#waiting.set(id, waiting)
    this.#send({ ask: id, method, args })
    return waiting.promise as Promise<Awaited<ReturnType<Theirs[M]>>>
  }

  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.values()) reject(new ChannelClosed('The other process is gone.'))
    this.#waiting.clear()
  }

  #take(id: number): PromiseWithResolvers<unknown> | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  async #answer(ours: Methods, { ask, method, args }: Question): Promise<void> {
    let answer: Message
    try {
      const work = Object.hasOwn(ours, method) ? ours[method] : undefined
      if (!work) throw new Error(`there is no method ${method}`)
      const result = (work as (...args: readonly unknown[]) => unknown)(...args)
      answer = { done: ask, value: result instanceof Promise ? await result : result }
    } catch (error) {
      answer = { failed: ask, error: carried(error) }
    }
    this.#send(answer)
  }

  #send(message: Message): void {
    if (this.#isClosed) return this.close()
    try {
      this.#port.send(message)
    } catch {
      // The pipe broke before anyone said so.
      this.close()
    }
  }
}

function carried(error: unknown): Carried {
  if (error instanceof Refusal) return { kind: 'refusal', reason: error.reason }
  const { name, message } = error as Error
  return error instanceof AuditUnavailable ? { kind: 'audit', name, message } : { kind: 'bug', message }
}

function revived(error: Carried): Error {
  if (error.kind === 'refusal') return new Refusal(error.reason)
  if (error.kind === 'bug') return new Error(error.message)
  return Object.assign(new AuditUnavailable(error.message), { name: error.name })
}
