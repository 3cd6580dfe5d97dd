import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bus, BusEvent, Subscriber } from './bus.ts'
import { BusUnavailable } from './bus.ts'
import { PostgresLink } from './postgres-link.ts'
import { unavailable } from './postgres-url.ts'

/** PostgreSQL takes less than 8000 bytes. */
const MAX_PAYLOAD = 7999
/** How long `publish` waits for the connection to come back. */
const PUBLISH_MS = 5000
const MAX_PAUSE_MS = 1000

/**
 * LISTEN and NOTIFY on a connection of its own. It is replaced when it breaks; the new one listens first, then every subscriber reads
 * again what it may have missed, and only then is the bus alive.
 * @throws StoreUnavailable when the server cannot be reached or notifications do not arrive; the message holds no password
 */
export async function postgresBus(options: { url: string; monotonic?: () => number }): Promise<Bus> {
  const bus = new PostgresBus(options.url, options.monotonic ?? (() => performance.now()))
  try {
    await bus.open()
  } catch (error) {
    await bus[Symbol.asyncDispose]()
    throw unavailable(options.url, error)
  }
  return bus
}

class PostgresBus implements Bus {
  readonly #url: string
  readonly #monotonic: () => number
  /** Tells our own messages apart: they were applied before they were sent. */
  readonly #id = randomUUID()
  readonly #subscribers = new Set<Subscriber>()
  readonly #closing = new AbortController()
  /** The connection in use; undefined from when it breaks until every subscriber has caught up. */
  #link: PostgresLink | undefined
  #next = Promise.withResolvers<PostgresLink>()
  #running: Promise<void> = Promise.resolve()

  constructor(url: string, monotonic: () => number) {
    this.#url = url
    this.#monotonic = monotonic
  }

  async open(): Promise<void> {
    this.#use(await this.#connect())
    this.#running = this.#run()
  }

  alive(): boolean {
    return this.#link?.inForce() ?? false
  }

  subscribe(onEvent: Subscriber['onEvent'], onGap: Subscriber['onGap']): () => void {
    const subscriber = { onEvent, onGap }
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  async publish(event: BusEvent): Promise<void> {
    const payload = JSON.stringify({ from: this.#id, topic: event.topic, id: event.id })
    if (Buffer.byteLength(payload) > MAX_PAYLOAD) throw new RangeError('the event is too large for the bus')
    const here = this.#deliver(event).catch((error: Error) => this.#link?.end(error))
    await Promise.all([here, this.#send(payload)])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#subscribers.clear()
    this.#link?.end()
    await this.#running
    this.#link = undefined
  }

  async #send(payload: string): Promise<void> {
    const giveUp = AbortSignal.any([AbortSignal.timeout(PUBLISH_MS), this.#closing.signal])
    const gone = new Promise<never>((_, failed) => {
      const fail = () =>
        failed(
          new BusUnavailable(
            'The change holds here and is stored, but other gateways on the same database could not be told. They stop admitting calls when they lose the database too; otherwise repeat the change.',
          ),
        )
      if (giveUp.aborted) fail()
      else giveUp.addEventListener('abort', fail, { once: true })
    })
    for (;;) {
      const link = this.#link ?? (await Promise.race([this.#next.promise, gone]))
      try {
        return await Promise.race([link.send(payload), gone])
      } catch (error) {
        if (error instanceof BusUnavailable) throw error
        // Without this, a link that fails at once would be asked again and again.
        link.end()
        await link.ended
      }
    }
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#link?.ended
      this.#link = undefined
      this.#next = Promise.withResolvers<PostgresLink>()
      await this.#reconnect()
    }
  }

  async #reconnect(): Promise<void> {
    for (let wait = 20; !this.#closing.signal.aborted; wait = Math.min(2 * wait, MAX_PAUSE_MS)) {
      let link: PostgresLink | undefined
      try {
        link = await this.#connect()
        await Promise.all([...this.#subscribers].map((subscriber) => subscriber.onGap()))
        // Whatever came in meanwhile has been applied as well when this beat is back.
        await link.beat()
        return this.#use(link)
      } catch {
        link?.end()
        // Many replicas lose one server at the same moment.
        await pause(wait * (0.5 + Math.random() / 2), undefined, { signal: this.#closing.signal }).catch(
          () => {},
        )
      }
    }
  }

  #use(link: PostgresLink): void {
    if (this.#closing.signal.aborted) return link.end()
    this.#link = link
    this.#next.resolve(link)
  }

  #connect(): Promise<PostgresLink> {
    return PostgresLink.open({
      url: this.#url,
      monotonic: this.#monotonic,
      onMessage: async (payload) => {
        const event = readEvent(payload, this.#id)
        if (event) await this.#deliver(event)
      },
    })
  }

  async #deliver(event: BusEvent): Promise<void> {
    await Promise.all([...this.#subscribers].map(async (subscriber) => subscriber.onEvent(event)))
  }
}

/** Any account of the database can send on the channel; what it makes up costs a read of the store, and what is malformed nothing. */
function readEvent(payload: string, self: string): BusEvent | undefined {
  try {
    const { from, topic, id } = JSON.parse(payload)
    return from !== self && typeof topic === 'string' && typeof id === 'string'
      ? { topic: topic as BusEvent['topic'], id }
      : undefined
  } catch {
    return undefined
  }
}
