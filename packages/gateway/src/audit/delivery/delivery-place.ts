import { z } from 'zod'
import type { Files } from '../files.ts'

/** How far a sink is. */
export interface Place {
  /** Where it began: the first entry that it was ever to get. */
  readonly start: number
  /** The next entry to deliver; everything from `start` up to it was taken. */
  readonly next: number
  /** Leaf hash of the entry before `next`, by which a log that is another one is recognised; empty when there is none. */
  readonly leaf: string
}

const Stored = z.strictObject({
  start: z.int().nonnegative(),
  next: z.int().nonnegative(),
  leaf: z.string(),
})

/** The place of one sink in a small file: old or new, never half, and durable when `store` resolves. */
export class PlaceFile {
  readonly #files: Files
  readonly #path: string

  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = path
  }

  /** @returns undefined for a sink that is new, `damaged` for a file that nobody could have left but by hand */
  async load(): Promise<Place | 'damaged' | undefined> {
    const data = await this.#files.read(this.#path)
    if (!data) return undefined
    try {
      return Stored.parse(JSON.parse(data.toString('utf8')))
    } catch {
      return 'damaged'
    }
  }

  store(place: Place): Promise<void> {
    return this.#files.put(this.#path, Buffer.from(`${JSON.stringify(place)}\n`))
  }
}
