import type { CanonicalKey } from './canonical.ts'
import type { Origin } from './origin.ts'
import { shinglesOf } from './shingles.ts'

const MAX_VALUES = 50_000
const MAX_SHINGLES = 100_000

/**
 * Confidential values that an instance has been shown in any of its tasks. A task ends; what an agent remembers of it does not. When it is
 * full, everything the instance does counts as holding confidential data.
 */
export class Memory {
  readonly #values = new Map<CanonicalKey, Origin>()
  readonly #shingles = new Map<number, Origin>()
  #isFull = false

  add(key: CanonicalKey, origin: Origin): void {
    if (this.#values.size < MAX_VALUES) this.#values.set(key, origin)
    else this.#isFull = true
  }

  addText(text: string, origin: Origin): void {
    for (const hash of shinglesOf(text)) {
      if (this.#shingles.size < MAX_SHINGLES) this.#shingles.set(hash, origin)
      else this.#isFull = true
    }
  }

  originsOf(keys: readonly CanonicalKey[]): readonly Origin[] {
    return keys.flatMap((key) => this.#values.get(key) ?? [])
  }

  /** Of a run of words, by its hash. */
  textOriginOf(hash: number): Origin | undefined {
    return this.#shingles.get(hash)
  }

  /** Gives its space back; from then on it counts as holding anything. */
  overflow(): void {
    this.#values.clear()
    this.#shingles.clear()
    this.#isFull = true
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && !this.#isFull
  }

  get isFull(): boolean {
    return this.#isFull
  }

  get size(): number {
    return this.#values.size + this.#shingles.size
  }
}
