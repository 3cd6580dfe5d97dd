import { randomBytes } from 'node:crypto'
import { Socket } from 'node:net'
import pg from 'pg'
import { LEASE_MS } from './bus.ts'

const BEAT_MS = 250
const OPEN_MS = 5000
const CHANNEL = 'ostiary'

interface LinkOptions {
  readonly url: string
  /** Applies what another connection sent. Rejecting ends the link. */
  onMessage(payload: string): Promise<void>
  monotonic(): number
}

/**
 * One connection that listens. A beat is a notification to itself: it takes the same queue as every message, so when it comes back,
 * all that was sent before it has come too, and its lease runs from the moment it was sent. A link ends once and does not recover:
 * a broken connection, a frozen server, a pooler that swallows notifications and a message that could not be applied are all one case.
 */
export class PostgresLink {
  /** Resolves when the link is of no more use. */
  readonly ended: Promise<void>
  readonly #options: LinkOptions
  readonly #socket = new Socket()
  readonly #client: pg.Client
  readonly #self = `${CHANNEL}_${randomBytes(8).toString('hex')}`
  readonly #beats = new Map<string, (applied: Promise<unknown>) => void>()
  readonly #dead: Promise<never>
  #end: (why: Error) => void
  #applied: Promise<unknown> = Promise.resolve()
  #leaseUntil = Number.NEGATIVE_INFINITY
  #count = 0

  private constructor(options: LinkOptions) {
    this.#options = options
    const { promise, reject } = Promise.withResolvers<never>()
    this.#dead = promise
    this.#end = reject
    this.#client = new pg.Client({
      connectionString: options.url,
      application_name: 'ostiary bus',
      // Ours, so that a connection to a frozen server can be dropped without its consent.
      stream: () => this.#socket,
    })
    this.#client.on('error', (error) => this.end(error))
    this.#client.on('end', () => this.end())
    this.#client.on('notification', ({ channel, payload = '' }) => this.#receive(channel, payload))
    this.ended = promise.catch(() => {
      this.#leaseUntil = Number.NEGATIVE_INFINITY
      this.#socket.destroy()
    })
  }

  /** A link whose lease runs. @throws the driver's error, or one that says that notifications do not arrive */
  static async open(options: LinkOptions): Promise<PostgresLink> {
    const link = new PostgresLink(options)
    const deadline = setTimeout(() => link.end(new Error('notifications do not arrive')), OPEN_MS)
    try {
      await link.#orDead(link.#client.connect())
      // A beat that is lost in a crash is of no matter.
      await link.#query('set synchronous_commit = off')
      await link.#query(`listen ${CHANNEL}`)
      await link.#query(`listen ${link.#self}`)
      await link.beat()
    } catch (error) {
      link.end()
      throw error
    } finally {
      clearTimeout(deadline)
    }
    link.#keepBeating()
    return link
  }

  /** True while everything that others sent more than a lease ago is known to have been applied. */
  inForce(): boolean {
    return this.#options.monotonic() < this.#leaseUntil
  }

  async send(payload: string): Promise<void> {
    await this.#query('select pg_notify($1, $2)', [CHANNEL, payload])
  }

  /** Renews the lease. Resolves when all that was sent before it has been applied. */
  async beat(): Promise<void> {
    const sentAt = this.#options.monotonic()
    const beat = String(++this.#count)
    const back = Promise.withResolvers<unknown>()
    this.#beats.set(beat, back.resolve)
    await Promise.all([
      this.#query('select pg_notify($1, $2)', [this.#self, beat]),
      this.#orDead(back.promise),
    ])
    this.#leaseUntil = sentAt + LEASE_MS
  }

  end(why: Error = new Error('the connection is closed')): void {
    this.#end(why)
  }

  #receive(channel: string, payload: string): void {
    if (channel === CHANNEL) {
      this.#applied = Promise.all([this.#applied, this.#options.onMessage(payload)])
      this.#applied.catch((error: Error) => this.end(error))
    } else {
      this.#beats.get(payload)?.(this.#applied)
      this.#beats.delete(payload)
    }
  }

  #keepBeating(): void {
    let beating = false
    const timer = setInterval(() => {
      if (!this.inForce()) return this.end(new Error('the server does not answer'))
      if (beating) return
      beating = true
      this.beat().then(
        () => {
          beating = false
        },
        (error: Error) => this.end(error),
      )
    }, BEAT_MS)
    void this.ended.then(() => clearInterval(timer))
  }

  async #query(text: string, values: string[] = []): Promise<void> {
    await this.#orDead(this.#client.query(text, values))
  }

  /** The driver does not always settle what was waiting when its connection goes. */
  #orDead<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#dead])
  }
}
