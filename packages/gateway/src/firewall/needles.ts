const SHORTEST = 8
const SLOTS = 4096

interface Needle {
  readonly text: string
  readonly name: string
  /** Letters of ASCII in either case. */
  readonly anyCase: boolean
}

/**
 * Many long strings looked for at once (Wu and Manber): from the last two characters of a stretch follows how far the next needle can at
 * the earliest be, so that most characters are never read.
 */
export class Needles {
  readonly #shift = new Uint8Array(SLOTS).fill(SHORTEST - 1)
  readonly #ending = new Map<number, Needle[]>()
  readonly size: number

  /** Needles shorter than eight characters are left out. */
  constructor(needles: readonly Needle[]) {
    const long = needles.filter(({ text }) => text.length >= SHORTEST)
    this.size = long.length
    for (const needle of long) {
      for (let at = 1; at < SHORTEST; at++) {
        const slot = slotOf(needle.text.charCodeAt(at - 1), needle.text.charCodeAt(at))
        this.#shift[slot] = Math.min(this.#shift[slot] as number, SHORTEST - 1 - at)
        if (at === SHORTEST - 1) this.#ending.set(slot, [...(this.#ending.get(slot) ?? []), needle])
      }
    }
  }

  /** Name of the first needle in the text. */
  firstIn(text: string): string | undefined {
    for (let at = SHORTEST - 1; at < text.length; ) {
      const slot = slotOf(text.charCodeAt(at - 1), text.charCodeAt(at))
      const shift = this.#shift[slot] as number
      if (shift > 0) {
        at += shift
        continue
      }
      const start = at - SHORTEST + 1
      for (const needle of this.#ending.get(slot) ?? []) if (isAt(text, start, needle)) return needle.name
      at++
    }
    return undefined
  }
}

/** Of letters, both cases have the same. */
const slotOf = (a: number, b: number): number =>
  ((a & 31) * 131 + (b & 31) + (a & 64) + ((b & 64) << 5)) & (SLOTS - 1)

function isAt(text: string, start: number, { text: needle, anyCase }: Needle): boolean {
  if (!anyCase) return text.startsWith(needle, start)
  for (let i = 0; i < needle.length; i++) {
    const code = text.charCodeAt(start + i)
    const isCapital = code >= 65 && code <= 90
    if ((isCapital ? code | 32 : code) !== needle.charCodeAt(i)) return false
  }
  return true
}
