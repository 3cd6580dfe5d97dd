const BURST = 4000
const PER_SECOND = 1

/**
 * How many harmless changes of one server are written down: a server that shows something else at every look must not fill the disk.
 * What goes beyond stays as it was, which is blocked.
 */
export class Allowance {
  readonly #left = new Map<string, { tokens: number; at: number }>()

  take(server: string, now: number): boolean {
    const last = this.#left.get(server) ?? { tokens: BURST, at: now }
    const tokens = Math.min(BURST, last.tokens + (Math.max(0, now - last.at) / 1000) * PER_SECOND)
    this.#left.set(server, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    return tokens >= 1
  }

  forget(server: string): void {
    this.#left.delete(server)
  }
}
