/**
 * Many words looked for in one pass (Aho-Corasick), with a dense table of transitions: one look-up for each character. Case of ASCII
 * letters does not count.
 */
export class Automaton {
  /** Class of each character code below 128; 0 for those in no word. */
  readonly #classes = new Uint8Array(128)
  readonly #width: number
  readonly #next: Int32Array
  /** Numbers of the words that end in a state. */
  readonly #ends: (readonly number[] | undefined)[] = []

  /** Words are of ASCII. */
  constructor(words: readonly string[]) {
    const lower = words.map((word) => word.toLowerCase())
    let classes = 1
    for (const char of new Set(lower.join(''))) {
      this.#classes[char.charCodeAt(0)] = classes
      if (char >= 'a' && char <= 'z') this.#classes[char.charCodeAt(0) - 32] = classes
      classes++
    }
    this.#width = classes
    this.#next = this.#build(lower)
  }

  #build(words: readonly string[]): Int32Array {
    const width = this.#width
    const next = new Int32Array((words.reduce((sum, word) => sum + word.length, 0) + 1) * width)
    let states = 1
    for (const [number, word] of words.entries()) {
      let state = 0
      for (const char of word) {
        const at = state * width + (this.#classes[char.charCodeAt(0)] as number)
        if (next[at] === 0) next[at] = states++
        state = next[at] as number
      }
      this.#ends[state] = [...(this.#ends[state] ?? []), number]
    }
    this.#close(next, states)
    return next
  }

  /** Breadth first: where a word cannot go on, go on with the longest end of it that begins another. */
  #close(next: Int32Array, states: number): void {
    const width = this.#width
    const fallback = new Int32Array(states)
    const queue: number[] = []
    for (let c = 1; c < width; c++) if (next[c] !== 0) queue.push(next[c] as number)
    for (const state of queue) {
      const back = fallback[state] as number
      const inherited = this.#ends[back]
      if (inherited) this.#ends[state] = [...(this.#ends[state] ?? []), ...inherited]
      for (let c = 1; c < width; c++) {
        const child = next[state * width + c] as number
        if (child === 0) next[state * width + c] = next[back * width + c] as number
        else {
          fallback[child] = next[back * width + c] as number
          queue.push(child)
        }
      }
    }
  }

  /** Numbers of the words that are in the text. */
  wordsIn(text: string): ReadonlySet<number> {
    const found = new Set<number>()
    const width = this.#width
    let state = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      state = code < 128 ? (this.#next[state * width + (this.#classes[code] as number)] as number) : 0
      const ends = this.#ends[state]
      if (ends) for (const number of ends) found.add(number)
    }
    return found
  }
}
