import type { CanonicalKey } from './canonical.ts'

/** The oldest go first. */
const MAX_KEPT = 500_000
/** Short words and numbers are the same by chance. */
const MIN_TEXT = 'text:'.length + 6

/**
 * What agents have put into calls without anybody trusted having said it, of all tasks: a task ends, a note that it wrote does not. Nobody
 * vouches for such a value by giving it back, and a link among it is not one that content held before.
 */
export class Writings {
  readonly #keys = new Set<CanonicalKey>()

  add(key: CanonicalKey): void {
    if (key.startsWith('text:') ? key.length < MIN_TEXT : !/^(?:email|url|iban|digits|phone):/.test(key))
      return
    this.#keys.add(key)
    const [oldest] = this.#keys
    if (this.#keys.size > MAX_KEPT && oldest !== undefined) this.#keys.delete(oldest)
  }

  has(key: CanonicalKey): boolean {
    return this.#keys.has(key)
  }
}
