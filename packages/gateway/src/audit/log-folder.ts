import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Checkpoint } from '@ostiary/evidence'
import { entriesPath, leafHash, openCheckpoint, parseEntries, parseVkey, TILE_WIDTH } from '@ostiary/evidence'
import type { LogEntry } from './entry.ts'
import { decodeEntry } from './entry.ts'
import type { StoredEntry } from './log.ts'

/** The folder cannot be read as a log. */
export class LogUnreadable extends Error {
  override name = 'LogUnreadable'
}

/**
 * The published part of a log, read from its folder by whoever may read the files: what the newest checkpoint covers. The signature of
 * the checkpoint is verified; whether the tiles match it is what `ostiary audit verify` is for.
 */
export class LogFolder {
  readonly #dir: string
  readonly #vkey: string
  /** Entries that the last checkpoint covered. */
  #size = 0

  /** @param dir the folder `log` of a data folder */
  constructor(dir: string, vkey: string) {
    this.#dir = dir
    this.#vkey = vkey
  }

  /** The key is taken from the folder itself. @throws LogUnreadable */
  static async at(dir: string): Promise<LogFolder> {
    const vkey = await readFile(join(dir, 'vkey'), 'utf8').catch(() => {
      throw new LogUnreadable(`There is no log in ${dir}.`)
    })
    return new LogFolder(dir, vkey.trim())
  }

  /** @throws LogUnreadable */
  async checkpoint(): Promise<Checkpoint> {
    const vkey = parseVkey(this.#vkey)
    const note = await readFile(join(this.#dir, 'checkpoint'), 'utf8').catch(() => '')
    const checkpoint = vkey && (await openCheckpoint(note, vkey))
    if (!checkpoint) throw new LogUnreadable(`The checkpoint in ${this.#dir} is not signed by its key.`)
    this.#size = checkpoint.size
    return checkpoint
  }

  /** Entries `from` up to `to`, which the checkpoint that was read covers. @throws LogUnreadable when a file is missing or damaged */
  async entries(from: number, to: number): Promise<StoredEntry[]> {
    const found: StoredEntry[] = []
    for (let at = from; at < to; ) {
      const tile = Math.floor(at / TILE_WIDTH)
      const first = tile * TILE_WIDTH
      const bundle = await this.#bundle(tile, Math.min(TILE_WIDTH, to - first))
      for (; at < Math.min(to, first + TILE_WIDTH); at++) {
        const bytes = bundle[at - first] as Uint8Array
        found.push({
          index: at,
          leaf: Buffer.from(leafHash(bytes)).toString('base64'),
          entry: decoded(bytes),
        })
      }
    }
    return found
  }

  /** At least `width` entries. Which partial files there are depends on when checkpoints were signed, so a wider one will do. */
  async #bundle(tile: number, width: number): Promise<Uint8Array[]> {
    const published = Math.min(TILE_WIDTH, this.#size - tile * TILE_WIDTH)
    for (const wide of new Set([Math.max(published, width), width, TILE_WIDTH])) {
      const data = await readFile(join(this.#dir, entriesPath(tile, wide))).catch(() => undefined)
      const entries = data && parseEntries(data)
      if (entries && entries.length >= width) return entries
    }
    throw new LogUnreadable(
      `The log file ${join(this.#dir, entriesPath(tile))} is missing or damaged. Run \`ostiary audit verify\`.`,
    )
  }
}

const NOTHING = { v: 1, ts: 0, type: '', actor: { kind: '' }, data: {} } as unknown as LogEntry

/** An entry that is no JSON object, which only damage can make, has a place in the log all the same. */
function decoded(bytes: Uint8Array): LogEntry {
  try {
    const entry: unknown = decodeEntry(bytes)
    return typeof entry === 'object' && entry !== null ? (entry as LogEntry) : NOTHING
  } catch {
    return NOTHING
  }
}
