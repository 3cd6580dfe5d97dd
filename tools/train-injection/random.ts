/** Numbers that are the same in every run: mulberry32. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
  chance(share: number): boolean {
    return this.next() < share
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[list[i], list[j]] = [list[j] as T, list[i] as T]
    }
    return list
  }
  /** Writes a template out: `{a|b|}` is one of its choices, which may hold others; `<name>` is one of a list. */
  write(template: string, lists: Readonly<Record<string, readonly string[]>>): string {
    let text = template
    for (let round = 0; round < 12; round++) {
      const before = text
      text = text
        .replace(/\{([^{}]*)\}/g, (_, choices: string) => this.pick(choices.split('|')))
        .replace(/<([a-z]+)>/g, (whole, name: string) => {
          const list = lists[name]
          return list ? this.pick(list) : whole
        })
      if (text === before) break
    }
    return text
      .replace(/ +/g, ' ')
      .replace(/ ([.,;:!?])(?=\s|$)/g, '$1')
      .trim()
  }
}
