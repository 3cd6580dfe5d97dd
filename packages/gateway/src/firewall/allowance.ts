/** Some for any message, and so much for each character of it. */
interface Rate {
  readonly any: number
  readonly each: number
}

/** Characters that decoders may add to a message. */
export const DECODED: Rate = { any: 1024, each: 1.5 }
/** Characters that may be looked at beyond the passes that every text is worth, each as often as an expression or a decoder looks at it. */
export const LOOKED_AT: Rate = { any: 4096, each: 12 }

/** What a string adds to the allowance, and what each form of one costs, however short it is. */
export const PER_STRING = 20
const PER_FORM = 32

/** What may still be spent on one message, so that none costs more than a small multiple of a clean one of its size. */
export class Allowance {
  #decoded = DECODED.any
  #looks = LOOKED_AT.any

  /** The message has one more string, of that length. */
  grow(length: number): void {
    this.#decoded += DECODED.each * (length + PER_STRING)
    this.#looks += LOOKED_AT.each * (length + PER_STRING)
  }

  /** False when not even a short text may be decoded. */
  get mayDecode(): boolean {
    return this.#decoded > PER_FORM && this.#looks > 0
  }

  /** @returns whether a decoded text of that length may be looked into */
  takeDecoded(length: number): boolean {
    const cost = length + PER_FORM
    if (cost > this.#decoded) return false
    this.#decoded -= cost
    return true
  }

  /** False when nothing more may be looked at closely. What has been begun is finished, so a little more than allowed may be spent. */
  get mayLook(): boolean {
    return this.#looks > 0
  }

  spend(looks: number): void {
    this.#looks -= looks
  }
}
