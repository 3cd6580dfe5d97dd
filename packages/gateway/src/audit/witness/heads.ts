import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Checkpoint } from '@ostiary/evidence'
import { EMPTY_ROOT, parseCheckpoint, verifyConsistency } from '@ostiary/evidence'
import { Turns } from '../../lib/turns.ts'
import type { Files } from '../files.ts'

export type Advance =
  /** `note` is what `seal` made, durable. */
  | { readonly is: 'accepted'; readonly note: string; readonly grown: boolean }
  /** The caller thinks that another head is the last one. */
  | { readonly is: 'conflict'; readonly size: number }
  /** It is no extension of the last head: a fork, a rewritten history, or a false proof. */
  | { readonly is: 'inconsistent' }

/** Name of a log in file names and addresses: hex SHA-256 of its origin. */
export const originHash = (origin: string): string => hash('sha256', origin, 'hex')

/** The last head signed for each log, which only ever moves forward. What witnesses and the apart signer have in common. */
export class Heads {
  readonly #files: Files
  readonly #dir: string
  readonly #turns = new Turns()
  readonly #notes = new Map<string, string>()

  constructor(files: Files, dir: string) {
    this.#files = files
    this.#dir = dir
  }

  /** The note kept for a log, by the hash of its origin. */
  async note(hashed: string): Promise<string | undefined> {
    const known = this.#notes.get(hashed) ?? (await this.#files.read(this.#path(hashed)))?.toString('utf8')
    if (known !== undefined) this.#notes.set(hashed, known)
    return known
  }

  /**
   * Moves a log's head from `old` to `next`, and makes durable what `seal` signs, before anybody sees it. One at a time for each log, so
   * that of two requests from the same size one gets a conflict, and none rolls the other back.
   */
  advance(
    next: Checkpoint,
    from: { old: number; proof: readonly Uint8Array[] },
    seal: () => string,
  ): Promise<Advance> {
    const hashed = originHash(next.origin)
    return this.#turns.take(hashed, async () => {
      const note = await this.note(hashed)
      const held = note === undefined ? undefined : parseCheckpoint(note)
      if (note !== undefined && held?.origin !== next.origin)
        throw new Error(`what is kept of a log is damaged: ${this.#path(hashed)}`)
      const { size, root } = held ?? { size: 0, root: EMPTY_ROOT }
      if (from.old !== size) return { is: 'conflict', size }
      if (!verifyConsistency(size, next.size, root, next.root, from.proof)) return { is: 'inconsistent' }
      const sealed = seal()
      await this.#files.put(this.#path(hashed), Buffer.from(sealed))
      this.#notes.set(hashed, sealed)
      return { is: 'accepted', note: sealed, grown: next.size > size || !held }
    })
  }

  #path(hashed: string): string {
    return join(this.#dir, hashed, 'checkpoint')
  }
}
