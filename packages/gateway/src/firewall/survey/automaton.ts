import { classOf, isBlank, WIDTH } from './classes.ts'

/**
 * Groups of words looked for in one pass (Aho-Corasick), with a dense table of transitions: one look-up for each character. Case of ASCII
 * letters does not count, and blanks in a row are one.
 */
export class Automaton {
  /** The state after `state` and a character of class `c` is at `state * WIDTH + c`. */
  readonly next: Uint16Array
  /** In states from this one on, a word ends. */
  readonly firstEnd: number
  readonly #groups: readonly (readonly number[])[]

  /** Words are of ASCII. */
  constructor(groups: readonly (readonly string[])[]) {
    const trie = new Trie()
    for (const [group, words] of groups.entries()) for (const word of words) trie.add(word, group)
    trie.close()
    const ends = trie.ends.map((list) => list.size > 0)
    const order = [...ends.keys()].sort((a, b) => Number(ends[a]) - Number(ends[b]) || a - b)
    const numbers = new Map(order.map((state, number) => [state, number]))
    this.firstEnd = ends.filter((isEnd) => !isEnd).length
    this.#groups = order.slice(this.firstEnd).map((state) => [...(trie.ends[state] as Set<number>)])
    this.next = new Uint16Array(order.length * WIDTH)
    for (const [number, state] of order.entries()) {
      const row = trie.rows[state] as Int32Array
      for (let c = 0; c < WIDTH; c++)
        this.next[number * WIDTH + c] = numbers.get(Math.max(0, row[c] as number)) as number
    }
  }

  /** Groups of which a word ends in a state that is an end. */
  groupsAt(state: number): readonly number[] {
    return this.#groups[state - this.firstEnd] as readonly number[]
  }
}

const NONE = -1

class Trie {
  readonly rows: Int32Array[] = [new Int32Array(WIDTH).fill(NONE)]
  readonly ends: Set<number>[] = [new Set()]
  readonly #afterBlank: boolean[] = [false]

  add(word: string, group: number): void {
    let state = 0
    for (const char of word.toLowerCase()) {
      const row = this.rows[state] as Int32Array
      const c = classOf(char)
      if (row[c] === NONE) {
        row[c] = this.rows.length
        this.rows.push(new Int32Array(WIDTH).fill(NONE))
        this.ends.push(new Set())
        this.#afterBlank.push(char === ' ')
      }
      state = row[c] as number
    }
    this.ends[state]?.add(group)
  }

  /** Breadth first: where a word cannot go on, go on with the longest end of it that begins another. */
  close(): void {
    const root = this.rows[0] as Int32Array
    const fallback = new Int32Array(this.rows.length)
    const queue = [...root].filter((state) => state !== NONE)
    for (let c = 0; c < WIDTH; c++) if (root[c] === NONE) root[c] = 0
    for (const state of queue) {
      const row = this.rows[state] as Int32Array
      const back = fallback[state] as number
      const inherited = this.rows[back] as Int32Array
      for (const group of this.ends[back] as Set<number>) this.ends[state]?.add(group)
      for (let c = 0; c < WIDTH; c++) {
        if (row[c] === NONE) row[c] = inherited[c] as number
        else {
          fallback[row[c] as number] = inherited[c] as number
          queue.push(row[c] as number)
        }
      }
    }
    const blank = classOf(' ')
    for (const [state, row] of this.rows.entries())
      for (let c = 0; c < WIDTH; c++)
        if (isBlank(c)) row[c] = this.#afterBlank[state] ? state : (row[blank] as number)
  }
}
