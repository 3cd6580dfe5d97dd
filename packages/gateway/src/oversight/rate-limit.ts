/** Token bucket per key: `perSecond` sustained, one second of burst. Bounded: idle keys are dropped. */
export class RateLimit {
  readonly perSecond: number
  readonly #now: () => number
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.perSecond = perSecond
    this.#now = now
  }

  /** Takes one token. 0 when there was one, else milliseconds until there is. */
  take(key: string): number {
    const now = this.#now()
    const bucket = this.#buckets.get(key)
    if (!bucket) {
      if (this.#buckets.size >= 10_000) this.#dropIdle(now)
      this.#buckets.set(key, { tokens: this.perSecond - 1, at: now })
      return 0
    }
    bucket.tokens = Math.min(this.perSecond, bucket.tokens + ((now - bucket.at) * this.perSecond) / 1000)
    bucket.at = now
    if (bucket.tokens < 1) return ((1 - bucket.tokens) * 1000) / this.perSecond
    bucket.tokens -= 1
    return 0
  }

  /** A bucket untouched for a second is full again, so forgetting it changes nothing. */
  #dropIdle(now: number): void {
    for (const [key, bucket] of this.#buckets) if (now - bucket.at >= 1000) this.#buckets.delete(key)
  }
}
