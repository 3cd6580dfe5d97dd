/** The values of one label: the first so many that come by a way agents cannot choose; all the rest are one. */
export class Capped {
  readonly #limit: number
  readonly #known = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** A value that the configuration or the registry vouches for. */
  vouched(value: string): string {
    if (this.#known.has(value)) return value
    if (this.#known.size >= this.#limit) return 'other'
    this.#known.add(value)
    return value
  }

  /** A value that anybody may have chosen. */
  claimed(value: string): string {
    return this.#known.has(value) ? value : 'other'
  }
}
