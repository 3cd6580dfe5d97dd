import { InstanceKey } from './key.ts'
import { GatewayRefusal } from './problem.ts'
import type { KeptInstance } from './state.ts'

const STALE_MS = 60_000

/** The keys of one instance, in this process and in its folder, through rotations, crashes, and rotations by another process. */
export class Keys {
  readonly #state: KeptInstance
  #current: InstanceKey

  constructor(state: KeptInstance, current: InstanceKey) {
    this.#state = state
    this.#current = current
  }

  get current(): InstanceKey {
    return this.#current
  }

  /**
   * Runs `work` with the key in use. When the gateway does not know that key any more, another process may have put a new one in the
   * folder, or one may have crashed before it could: then those are tried, and the one that works is kept.
   */
  async using<T>(work: (key: InstanceKey) => Promise<T>): Promise<T> {
    const first = this.#current
    try {
      return await work(first)
    } catch (error) {
      if (!isUnknownKey(error)) throw error
      const { key, next } = this.#state.load()
      if (key.thumbprint !== first.thumbprint) {
        const done = await orUnknown(work, key)
        if (done) {
          this.#current = key
          return done.result
        }
      }
      const done = next && (await orUnknown(work, next))
      if (!done) throw error
      this.#confirm(next)
      return done.result
    }
  }

  /**
   * Makes a new key, has it registered, and takes it into use. Until the gateway has answered, both keys are kept.
   * @param check whether the gateway knows a key, e.g. by asking it for a token
   */
  async rotate<T>(
    check: (key: InstanceKey) => Promise<unknown>,
    register: (next: InstanceKey) => Promise<T>,
  ): Promise<T> {
    await this.#settle(check)
    const next = InstanceKey.create()
    if (!this.#state.prepareNext(next)) throw underWay()
    try {
      const answer = await register(next)
      this.#confirm(next)
      return answer
    } catch (error) {
      // Only a refusal says that the gateway did not take the key; without an answer it may have.
      if (error instanceof GatewayRefusal && error.status < 500) this.#state.dropNext(next)
      throw error
    }
  }

  /** Finds out what became of a rotation that was never confirmed. */
  async #settle(check: (key: InstanceKey) => Promise<unknown>): Promise<void> {
    const { next } = this.#state.load()
    if (!next) return
    if (await orUnknown(check, next)) return this.#confirm(next)
    // The gateway may not have heard of it yet: another process may be at it.
    if ((this.#state.nextAge() ?? STALE_MS) < STALE_MS) throw underWay()
    this.#state.dropNext(next)
  }

  #confirm(next: InstanceKey): void {
    this.#state.promote(next)
    this.#current = next
  }
}

const isUnknownKey = (error: unknown): boolean => error instanceof GatewayRefusal && error.status === 401

const underWay = (): Error =>
  new Error('Another rotation of this key is under way, or was cut short. Try again in a minute.')

async function orUnknown<T>(
  work: (key: InstanceKey) => Promise<T>,
  key: InstanceKey,
): Promise<{ readonly result: T } | undefined> {
  try {
    return { result: await work(key) }
  } catch (error) {
    if (isUnknownKey(error)) return undefined
    throw error
  }
}
