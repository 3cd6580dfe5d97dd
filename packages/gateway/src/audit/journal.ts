import { join } from 'node:path'
import type { Files, JournalFile } from './files.ts'
import type { Appended } from './frames.ts'
import { frame, hasFrameAfter, readFrames } from './frames.ts'

const SEGMENT_BYTES = 16 * 1024 * 1024

/** The log's files contradict each other or are damaged beyond what a crash leaves. */
export class LogDamaged extends Error {
  override name = 'LogDamaged'
}

/** The segments of the write-ahead journal. Each is named after the index of its first entry and a number that counts up. */
export class Journal {
  readonly #files: Files
  readonly #dir: string
  #open: { file: JournalFile; position: number; path: string } | undefined

  constructor(files: Files, dir: string) {
    this.#files = files
    this.#dir = dir
  }

  /**
   * What was appended from index `from` on, in order, as a crash left it.
   * @throws LogDamaged when an entry in the middle is damaged
   */
  async recover(from: number): Promise<Appended[]> {
    const recovered: Appended[] = []
    const names = await this.#segments()
    for (const [n, name] of names.entries()) {
      const first = firstIndex(name)
      const path = join(this.#dir, name)
      const segment = (await this.#files.read(path)) as Buffer
      const { appended: found, end } = readFrames(segment)
      if (hasFrameAfter(segment, end)) {
        throw new LogDamaged(
          `The journal ${path} is damaged at byte ${end} (entry ${first + found.length}). Keep the folder as evidence and restore it from a backup or mirror.`,
        )
      }
      // Where a later segment begins, the entries of this one were given up by a failed write.
      const next = names[n + 1]
      const givenUp = next === undefined ? Number.POSITIVE_INFINITY : firstIndex(next)
      for (const [i, each] of found.entries()) {
        const index = first + i
        if (index < from) continue
        if (index >= givenUp) break
        if (index !== from + recovered.length) {
          throw new LogDamaged(
            `The journal in ${this.#dir} lacks entry ${from + recovered.length}. Keep the folder as evidence and restore it.`,
          )
        }
        recovered.push(each)
      }
    }
    return recovered
  }

  /**
   * Writes a group and waits until it is durable. `next` is the index of its first entry.
   * When it rejects, none of them counts: the segment is given up, and the next append begins a new one.
   */
  async append(group: readonly Appended[], next: number): Promise<void> {
    const data = frame(group)
    if (this.#open && this.#open.position + data.length > SEGMENT_BYTES) await this.#close()
    this.#open ??= await this.#start(next, Math.max(SEGMENT_BYTES, data.length))
    const { file, position } = this.#open
    try {
      await file.write(data, position)
      await file.sync()
      this.#open.position += data.length
    } catch (error) {
      await this.#abandon(position)
      throw error
    }
  }

  /** Removes segments that hold only entries below `index`, which tiles hold by now. */
  async prune(index: number): Promise<void> {
    const names = await this.#segments()
    for (const [i, name] of names.entries()) {
      const next = names[i + 1]
      if (next === undefined || firstIndex(next) > index) return
      await this.#files.remove(join(this.#dir, name))
    }
  }

  async close(): Promise<void> {
    await this.#close()
  }

  /**
   * A failed write or sync leaves unknown bytes behind. They are overwritten with zeroes where possible; where that fails too, the
   * next segment's name says at which index the log went on, so that recovery leaves them out.
   */
  async #abandon(position: number): Promise<void> {
    const broken = this.#open
    this.#open = undefined
    if (!broken) return
    try {
      await broken.file.write(Buffer.alloc(8), position)
      await broken.file.sync()
    } catch {
      // The disk does not take anything now.
    }
    await broken.file.close().catch(() => {})
  }

  async #start(next: number, size: number): Promise<{ file: JournalFile; position: number; path: string }> {
    // Of two segments that begin at one index the later one counts, so their order must not hang on a clock.
    const last = (await this.#segments()).at(-1)
    const number = last === undefined ? 1 : Number(last.slice(17, -'.wal'.length)) + 1
    const name = `${String(next).padStart(16, '0')}-${String(number).padStart(12, '0')}.wal`
    const path = join(this.#dir, name)
    return { file: await this.#files.openJournal(path, size), position: 0, path }
  }

  async #close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.file.close()
  }

  async #segments(): Promise<string[]> {
    return (await this.#files.list(this.#dir)).filter((name) => name.endsWith('.wal'))
  }
}

const firstIndex = (name: string): number => Number(name.slice(0, 16))
