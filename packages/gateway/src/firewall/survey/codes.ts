/** Below this many characters, one at a time is faster than a call that writes them all. */
const FEW = 48

/** The UTF-16 code units of parts of texts, in memory that is used again. */
export class Codes {
  readonly units: Uint16Array
  readonly #bytes: Buffer

  constructor(size: number) {
    this.units = new Uint16Array(size)
    this.#bytes = Buffer.from(this.units.buffer)
  }

  /** @returns how many were read: up to the end of the text or as many as there is room for */
  read(text: string, from: number): number {
    const count = Math.min(text.length - from, this.units.length)
    if (count < FEW || !IS_LITTLE_ENDIAN) {
      for (let i = 0; i < count; i++) this.units[i] = text.charCodeAt(from + i)
    } else {
      this.#bytes.write(count === text.length ? text : text.slice(from, from + count), 0, 'utf16le')
    }
    return count
  }
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
