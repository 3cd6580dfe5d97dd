import { join } from 'node:path'
import { consistencyProof, formatReceipt, inclusionProof, leafHash } from '@ostiary/evidence'
import { equalBytes } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { LogPosition } from '../model/evidence.ts'
import { AuditUnavailable } from '../model/evidence.ts'
import type { SignedHead } from './checkpoints.ts'
import { Checkpoints } from './checkpoints.ts'
import type { LeafEvent, LogEntry } from './entry.ts'
import { decodeEntry, encodeEntry } from './entry.ts'
import type { Files } from './files.ts'
import { diskFiles } from './files.ts'
import { Journal, LogDamaged } from './journal.ts'
import type { Signer } from './signers/signer.ts'
import { SigningFailed } from './signers/signer.ts'
import type { Leaf } from './tree.ts'
import { Tree } from './tree.ts'

export interface LogOptions {
  /** Data folder; the log is in `log/`. */
  readonly dir: string
  /** The name of its key is the log's. */
  readonly signer: Signer
  readonly clock: Clock
  /** How often a checkpoint is signed while entries come in. */
  readonly checkpointMs?: number
  /** Entries that may wait for the disk. */
  readonly queueLimit?: number
  readonly files?: Files
  /** Told when the disk refuses, and `undefined` when it takes entries again. */
  readonly onHealth?: (problem: string | undefined) => void
}

/** Bytes that may wait for the disk, bodies included. */
const MAX_QUEUED_BYTES = 64 * 1024 * 1024

/** Too many entries wait for the disk. */
export class QueueFull extends AuditUnavailable {
  override name = 'QueueFull'
}

export interface StoredEntry {
  readonly index: number
  /** Standard base64. */
  readonly leaf: string
  readonly entry: LogEntry
}

interface Waiting {
  readonly entry: Buffer
  readonly body: Uint8Array | undefined
  resolve(position: LogPosition): void
  reject(error: Error): void
}

/**
 * The transparency log. `append` is durable in the journal (group commit, one flush in flight); tiles and the signed checkpoint follow
 * and never run ahead of what is durable.
 */
export class AuditLog {
  readonly #options: LogOptions
  readonly #journal: Journal
  readonly #tree: Tree
  readonly #files: Files
  /** The signed heads. The tree may be ahead of the newest for a moment. */
  readonly checkpoints: Checkpoints
  readonly #logDir: string
  readonly #timer: NodeJS.Timeout
  #queue: Waiting[] = []
  #queuedBytes = 0
  #flushing: Promise<void> | undefined
  /** Durable in the journal, not yet in tiles. */
  #tail: Leaf[] = []
  #size = 0
  #publishing: Promise<void> | undefined
  #closed = false
  #healthy = true
  readonly #followers = new Set<() => void>()

  private constructor(options: LogOptions) {
    this.#options = options
    this.#files = options.files ?? diskFiles
    this.#logDir = join(options.dir, 'log')
    this.#journal = new Journal(this.#files, join(this.#logDir, 'journal'))
    this.#tree = new Tree(this.#files, this.#logDir)
    this.checkpoints = new Checkpoints(this.#files, this.#logDir, options.signer)
    this.#timer = setInterval(() => {
      if (this.#size > this.#signedSize) this.publish().catch(() => {})
    }, options.checkpointMs ?? 1000)
    this.#timer.unref()
  }

  /**
   * Opens the log, creating it when the folder is empty.
   * @throws LogDamaged when tiles, checkpoint and journal do not fit together in a way no crash explains
   */
  static async open(options: LogOptions): Promise<AuditLog> {
    const log = new AuditLog(options)
    try {
      await log.#recover()
    } catch (error) {
      clearInterval(log.#timer)
      await log.#journal.close().catch(() => {})
      throw error
    }
    return log
  }

  get vkey(): string {
    return this.#options.signer.vkey
  }

  get origin(): string {
    return this.vkey.slice(0, this.vkey.indexOf('+'))
  }

  get #signedSize(): number {
    return this.checkpoints.newest?.size ?? 0
  }

  /** Number of durable entries. */
  get size(): number {
    return this.#size
  }

  /** Durable entries that no signed checkpoint covers yet. */
  get unsigned(): number {
    return this.#size - this.#signedSize
  }

  /** Entries that wait for the disk. */
  get waiting(): number {
    return this.#queue.length
  }

  /** False since the disk refused, until it takes an entry again. */
  get isHealthy(): boolean {
    return this.#healthy
  }

  /** Whether an entry could be written now: as long as nobody appends after a failure, only trying shows. */
  async takesEntries(): Promise<boolean> {
    if (this.#closed) return false
    if (this.#healthy) return true
    const probe = join(this.#logDir, 'probe')
    try {
      await this.#files.put(probe, Buffer.alloc(4096))
      await this.#files.remove(probe)
      return true
    } catch {
      return false
    }
  }

  /** The newest signed checkpoint, a signed note; empty before the first. */
  checkpoint(): string {
    return this.checkpoints.newest?.note ?? ''
  }

  /** @param body sealed; it is made durable with the entry, which names its digest */
  async append(event: LeafEvent, body?: Uint8Array): Promise<LogPosition> {
    if (this.#closed) throw new AuditUnavailable('the log is closed')
    const entry = encodeEntry(event, this.#options.clock.now())
    const bytes = entry.length + (body?.length ?? 0)
    if (
      this.#queue.length >= (this.#options.queueLimit ?? 4096) ||
      this.#queuedBytes + bytes > MAX_QUEUED_BYTES
    ) {
      throw new QueueFull('too many entries wait for the disk')
    }
    const { promise, resolve, reject } = Promise.withResolvers<LogPosition>()
    this.#queue.push({ entry, body, resolve, reject })
    this.#queuedBytes += bytes
    this.#flushing ??= this.#flush()
    return await promise
  }

  /** Everything that waits goes into one write and one flush; whoever comes meanwhile is in the next. */
  async #flush(): Promise<void> {
    // Lets every append of this turn of the event loop join the first group.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group = this.#queue
      this.#queue = []
      this.#queuedBytes = 0
      try {
        await this.#journal.append(group, this.#size)
      } catch (error) {
        this.#health(`the log cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
        const failure = new AuditUnavailable('the entry could not be made durable')
        for (const waiting of group) waiting.reject(failure)
        continue
      }
      this.#health(undefined)
      for (const waiting of group) {
        const { entry, body } = waiting
        const hash = leafHash(entry)
        this.#tail.push({ hash, entry, body })
        waiting.resolve({ index: this.#size++, leaf: Buffer.from(hash).toString('base64') })
      }
      for (const follower of this.#followers) follower()
    }
    this.#flushing = undefined
  }

  /** Tells, synchronously and after they are durable, that entries came. What follows the log reads them in its own time. */
  onAppended(follower: () => void): Disposable {
    this.#followers.add(follower)
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) }
  }

  /** Brings everything durable into tiles and signs a checkpoint over it. */
  async publish(): Promise<void> {
    while (this.#publishing !== undefined) await this.#publishing
    this.#publishing = this.#integrate().finally(() => {
      this.#publishing = undefined
    })
    await this.#publishing
  }

  async #integrate(): Promise<void> {
    if (this.#size === this.checkpoints.newest?.size) return
    try {
      const count = this.#tail.length
      await this.#tree.extend(this.#tail.slice(0, count))
      this.#tail.splice(0, count)
      const size = this.#tree.size
      await this.checkpoints.sign({ size, root: await this.#tree.root() }, (from) =>
        this.consistency(from, size),
      )
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      this.#health(
        error instanceof SigningFailed
          ? `no checkpoint: ${message}`
          : `tiles cannot be written: ${code ?? 'unknown error'}`,
      )
      throw error
    }
    await this.#tree.prune()
    await this.#journal.prune(this.#signedSize)
  }

  /** @throws RangeError when there is no such entry */
  async read(index: number): Promise<StoredEntry> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#size)
      throw new RangeError(`no entry ${index}`)
    const offset = index - (this.#size - this.#tail.length)
    const bytes = offset >= 0 ? (this.#tail[offset]?.entry as Uint8Array) : await this.#tree.entry(index)
    return { index, leaf: Buffer.from(leafHash(bytes)).toString('base64'), entry: decodeEntry(bytes) }
  }

  /** The sealed body of an entry; undefined when it has none, or its file is gone. */
  async body(index: number): Promise<Uint8Array | undefined> {
    const offset = index - (this.#size - this.#tail.length)
    return offset >= 0 ? this.#tail[offset]?.body : await this.#tree.body(index)
  }

  async *entries(from: number, to: number = this.#size): AsyncGenerator<StoredEntry> {
    for (let index = Math.max(0, from); index < Math.min(to, this.#size); index++)
      yield await this.read(index)
  }

  /**
   * An offline-verifiable receipt (C2SP tlog-proof) for one entry.
   * @throws RangeError when there is no such entry
   */
  async receipt(index: number): Promise<string> {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#size)
      throw new RangeError(`no entry ${index}`)
    if (index >= this.#signedSize) await this.publish()
    // Both at once: while the path is read, the next checkpoint may be signed.
    const { size, note: checkpoint } = this.checkpoints.over(index) as SignedHead
    const proof = await inclusionProof((level, at) => this.#tree.node(level, at, size), index, size)
    return formatReceipt({ index, proof, checkpoint })
  }

  /** Proof that the first `first` entries are a prefix of the first `second`, both in tiles (RFC 9162 section 2.1.4.1). */
  consistency(first: number, second: number): Promise<readonly Uint8Array[]> {
    return consistencyProof((level, at) => this.#tree.node(level, at, second), first, second)
  }

  /** One file of the log by its path in the tlog-tiles layout; undefined when there is none. The caller checked the path. */
  file(path: string): Promise<Buffer | undefined> {
    return this.#files.read(join(this.#logDir, path))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    clearInterval(this.#timer)
    while (this.#flushing !== undefined) await this.#flushing
    this.#closed = true
    await this.publish().catch(() => {})
    await this.#journal.close()
  }

  async #recover(): Promise<void> {
    const checkpoint = await this.checkpoints.load()
    if (checkpoint) {
      await this.#tree.load(checkpoint.size)
      if (!equalBytes(await this.#tree.root(), checkpoint.root)) {
        throw new LogDamaged(
          `The tiles of the log in ${this.#logDir} do not match its signed checkpoint. Keep the folder as evidence, run \`ostiary audit verify\`, and restore it.`,
        )
      }
    } else await this.#tree.load(0)
    const recovered = await this.#journal.recover(this.#tree.size)
    this.#tail = recovered.map(({ entry, body }) => ({
      entry: Buffer.from(entry),
      body: body && Buffer.from(body),
      hash: leafHash(entry),
    }))
    this.#size = this.#tree.size + this.#tail.length
    // Without this a log that lost its checkpoint and journal would begin anew under the same key: a second history.
    if (this.#size === 0 && !checkpoint && (await this.#files.list(join(this.#logDir, 'tile'))).length > 0) {
      throw new LogDamaged(
        `The log in ${this.#logDir} has tiles, but neither checkpoint nor journal. Keep the folder as evidence and restore it from a backup.`,
      )
    }
    if (this.#size === 0 && (await this.#hasBegun())) {
      throw new LogDamaged(
        `The log ${this.origin} had begun, and ${this.#logDir} is empty. Bring it back with \`ostiary audit restore\`, or begin with a new data folder: under the same key it would be a second history.`,
      )
    }
    await this.#files.put(join(this.#logDir, 'vkey'), Buffer.from(`${this.vkey}\n`))
    if (this.#size === 0)
      await this.append({
        type: 'log.opened',
        actor: { kind: 'gateway' },
        data: { origin: this.origin },
      })
    await this.publish()
    if (!(await this.#hasBegun())) await this.#files.put(this.#begun, Buffer.from(`${this.origin}\n`))
  }

  /** Stands beside the folder, so that a log whose whole folder is gone does not begin anew under the same key. */
  get #begun(): string {
    return join(this.#options.dir, 'log-begun')
  }

  async #hasBegun(): Promise<boolean> {
    return (await this.#files.read(this.#begun))?.toString('utf8').trim() === this.origin
  }

  #health(problem: string | undefined): void {
    if (problem === undefined && this.#healthy) return
    this.#healthy = problem === undefined
    this.#options.onHealth?.(problem)
  }
}
