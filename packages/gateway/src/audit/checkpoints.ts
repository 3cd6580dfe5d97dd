import { join } from 'node:path'
import type { Checkpoint, VerifierKey } from '@ostiary/evidence'
import { openCheckpoint, parseVkey, WITNESSED_CHECKPOINT } from '@ostiary/evidence'
import { Turns } from '../lib/turns.ts'
import type { Files } from './files.ts'
import { LogDamaged } from './journal.ts'
import type { ProofFrom, Signer, TreeHead } from './signers/signer.ts'

const KEEPING_UP_MS = 10_000

/** A checkpoint of this log as it is published: a signed note, with cosignatures where there are any. */
export interface SignedHead {
  readonly size: number
  readonly note: string
}

/** The signed heads of the log on disk: the newest, and the newest that a quorum of witnesses cosigned. */
export class Checkpoints {
  readonly #files: Files
  readonly #dir: string
  readonly #signer: Signer
  readonly #turns = new Turns()
  readonly #followers = new Set<() => void>()
  /** By name, what the disk holds. */
  readonly #written = new Map<string, string>()
  #newest: SignedHead | undefined
  #witnessed: SignedHead | undefined
  #witnessedAt = -Infinity

  constructor(files: Files, dir: string, signer: Signer) {
    this.#files = files
    this.#dir = dir
    this.#signer = signer
  }

  get newest(): SignedHead | undefined {
    return this.#newest
  }

  get witnessed(): SignedHead | undefined {
    return this.#witnessed
  }

  /** The note to show to others: one with its quorum while witnesses keep up, so that nobody gets one that is a moment too young. */
  published(): string {
    const isRecent = performance.now() - this.#witnessedAt < KEEPING_UP_MS
    return (isRecent ? this.#witnessed?.note : undefined) ?? this.#newest?.note ?? ''
  }

  /** The head that a receipt for the entry `index` is best made under: one that witnesses vouch for, where there is one. */
  over(index: number): SignedHead | undefined {
    return this.#witnessed && index < this.#witnessed.size ? this.#witnessed : this.#newest
  }

  /** What the disk holds. Undefined before the first checkpoint. @throws LogDamaged */
  async load(): Promise<Checkpoint | undefined> {
    const note = await this.#files.read(join(this.#dir, 'checkpoint'))
    const seen = await this.#files.read(join(this.#dir, WITNESSED_CHECKPOINT))
    const newest = note && (await this.#open(note))
    const witnessed = seen && (await this.#open(seen))
    if (witnessed && witnessed.size > (newest?.size ?? 0)) {
      throw new LogDamaged(
        `The log in ${this.#dir} was rolled back: witnesses saw ${witnessed.size} entries, its checkpoint counts ${newest?.size ?? 0}. Keep the folder as evidence and restore the newest copy.`,
      )
    }
    if (newest) this.#newest = { size: newest.size, note: note.toString('utf8') }
    if (witnessed) this.#witnessed = { size: witnessed.size, note: seen.toString('utf8') }
    return newest
  }

  /** Signs a head and makes it the newest. @throws SigningFailed */
  async sign(head: TreeHead, proofFrom: ProofFrom): Promise<void> {
    const note = await this.#signer.sign(head, proofFrom)
    await this.#turns.take('checkpoint', async () => {
      await this.#write('checkpoint', note)
      this.#newest = { size: head.size, note }
    })
    for (const follower of this.#followers) follower()
  }

  /**
   * Takes in the cosignatures that a head got. One that is not the newest any more counts only with its quorum. It counts at once, for
   * it is the witnesses who keep it; the promise is for the copy on our disk.
   */
  async cosigned(head: SignedHead, isQuorum: boolean): Promise<void> {
    if (head.size === this.#newest?.size) this.#newest = head
    if (isQuorum && head.size >= (this.#witnessed?.size ?? 0)) {
      this.#witnessed = head
      this.#witnessedAt = performance.now()
    }
    await this.#turns.take('checkpoint', async () => {
      await this.#write('checkpoint', this.#newest?.note)
      await this.#write(WITNESSED_CHECKPOINT, this.#witnessed?.note)
    })
  }

  /** Tells that a new head was signed. */
  onSigned(follower: () => void): Disposable {
    this.#followers.add(follower)
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) }
  }

  /** What waited its turn behind others may be written already. */
  async #write(name: string, note: string | undefined): Promise<void> {
    if (note === undefined || this.#written.get(name) === note) return
    // Until it is known to have worked, nothing is known of what the disk holds.
    this.#written.delete(name)
    await this.#files.put(join(this.#dir, name), Buffer.from(note))
    this.#written.set(name, note)
  }

  async #open(note: Buffer): Promise<Checkpoint> {
    const checkpoint = await openCheckpoint(
      note.toString('utf8'),
      parseVkey(this.#signer.vkey) as VerifierKey,
    )
    if (checkpoint) return checkpoint
    throw new LogDamaged(
      `The checkpoint of the log in ${this.#dir} is not signed by its key. Keep the folder as evidence and restore it from a backup.`,
    )
  }
}
