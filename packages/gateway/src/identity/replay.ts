/**
 * Remembers what was used, for at least `retentionMs` of this process's time, in two generations that take turns: bounded by the rate
 * of use, no timers. Wall-clock steps do not empty it.
 */
export class ReplayWindow {
  readonly #retentionMs: number
  readonly #monotonic: () => number
  #young = new Set<string>()
  #old = new Set<string>()
  #turnedAt: number

  constructor(retentionMs: number, monotonic: () => number = () => performance.now()) {
    this.#retentionMs = retentionMs
    this.#monotonic = monotonic
    this.#turnedAt = monotonic()
  }

  /** True the first time, false when the key was used before. */
  use(key: string): boolean {
    const now = this.#monotonic()
    if (now - this.#turnedAt >= this.#retentionMs) {
      this.#old = this.#young
      this.#young = new Set()
      this.#turnedAt = now
    }
    if (this.#young.has(key) || this.#old.has(key)) return false
    this.#young.add(key)
    return true
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
