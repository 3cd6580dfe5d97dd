import { join } from 'node:path'
import type { Checkpoint, VerifierKey } from '@ostiary/evidence'
import {
  bodiesPath,
  entriesPath,
  GrowingTree,
  openCheckpoint,
  parseCheckpoint,
  parseVkey,
  TILE_WIDTH,
  tilePath,
  WITNESSED_CHECKPOINT,
} from '@ostiary/evidence'
import { z } from 'zod'
import { all } from '../../lib/all.ts'
import { equalBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { LogType, Recorder } from '../../model/evidence.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Files } from '../files.ts'
import { diskFiles } from '../files.ts'
import { LogDamaged } from '../journal.ts'
import type { AuditLog } from '../log.ts'
import { Tree } from '../tree.ts'
import type { MirrorFile } from './increment.ts'
import { increment } from './increment.ts'
import type { MirrorStore } from './store.ts'
import { MirrorContradicts, MirrorFailed } from './store.ts'

/** Entries that are checked and sent at a time. */
const STEP = 16 * TILE_WIDTH
/** Files under way at a time. */
const PARALLEL = 8
/** Older tiles that each round looks at, drawn at random. */
const SAMPLES = 2

export interface MirrorDeps {
  readonly log: Pick<AuditLog, 'checkpoint' | 'vkey' | 'size' | 'publish'>
  readonly recorder: Recorder
  /** Folder of the log. */
  readonly dir: string
  readonly files?: Files
  readonly store: MirrorStore
  /** Where it is kept what the mirror has acknowledged. Its loss harms nothing, but an emptied mirror then goes unnoticed. */
  readonly placeFile: string
  readonly clock: Clock
  onProblem(problem: string): void
}

/** The newest checkpoint that the mirror has acknowledged, and the files that only it needs. */
const Acknowledged = z.object({
  note: z.string(),
  size: z.number().int().nonnegative(),
  tail: z.array(z.string()).readonly(),
})
type Acknowledged = z.output<typeof Acknowledged>

export type MirrorState = 'starting' | 'current' | 'failing' | 'contradicted'

export interface MirrorStatus {
  readonly place: string
  readonly state: MirrorState
  /** Entries of the newest signed checkpoint that the mirror holds whole. */
  readonly size: number
  /** Entries of the log. */
  readonly log_size: number
  /** Everything recorded before this is in the mirror, epoch milliseconds; null before the first round. */
  readonly current_at: number | null
  readonly problem?: string
}

/**
 * Follows the log into a second place. What it knows of that place it reads there, each round; it never replaces what contradicts the
 * log. Every number it gives is of a checkpoint whose every file has arrived.
 */
export class LogMirror {
  readonly #d: MirrorDeps
  readonly #files: Files
  readonly #vkey: VerifierKey
  /** What has been checked and sent. Ahead of the mirror's checkpoint while it catches up. */
  #tree: GrowingTree | undefined
  #acknowledged: Acknowledged | undefined
  /** Files that only what was sent last needs, and those of before that have not been given up yet. */
  #tail: readonly string[] = []
  readonly #superseded = new Set<string>()
  #wanted = 0
  #currentAt: number | undefined
  #state: MirrorState = 'starting'
  #problem: string | undefined

  constructor(deps: MirrorDeps) {
    this.#d = deps
    this.#files = deps.files ?? diskFiles
    this.#vkey = parseVkey(deps.log.vkey) as VerifierKey
  }

  /** Entries that are safe in the second place. */
  get size(): number {
    return this.#acknowledged?.size ?? 0
  }

  /** Entries that were there when the last round began and are not in the second place. */
  get lag(): number {
    return Math.max(0, this.#wanted - this.size)
  }

  /** Epoch milliseconds; see {@link MirrorStatus.current_at}. */
  get currentAt(): number | undefined {
    return this.#currentAt
  }

  status(): MirrorStatus {
    return {
      place: this.#d.store.place,
      state: this.#state,
      size: this.size,
      log_size: this.#d.log.size,
      current_at: this.#currentAt ?? null,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    }
  }

  /** One look at the mirror, and the copy of what it lacks. Never rejects: what fails is told and tried again by the next round. */
  async round(): Promise<void> {
    const { log, clock } = this.#d
    const began = clock.now()
    const recorded = log.size
    this.#wanted = recorded
    try {
      // What is durable by now belongs to this round; where it cannot be signed, the log itself tells.
      await log.publish().catch(() => {})
      const size = await this.#upToDate()
      if (size >= recorded) this.#currentAt = began
      await this.#tell('current', undefined)
    } catch (error) {
      const problem = error instanceof Error ? error.message.replace(/\.$/, '') : 'unknown'
      await this.#tell(error instanceof MirrorContradicts ? 'contradicted' : 'failing', problem)
    }
  }

  /** @returns entries that are in the mirror, its checkpoint with them */
  async #upToDate(): Promise<number> {
    const { log, dir } = this.#d
    for (;;) {
      const note = log.checkpoint()
      const checkpoint = await openCheckpoint(note, this.#vkey)
      if (!checkpoint) throw new MirrorFailed('the log has no checkpoint yet')
      try {
        const local = new Tree(this.#files, dir)
        await local.load(checkpoint.size)
        await this.#sample(await this.#look(local, checkpoint))
        await this.#copy(local, checkpoint, note)
        return checkpoint.size
      } catch (error) {
        // The log has gone on meanwhile, and partial files of the older checkpoint are gone. What was sent counts.
        if (!(error instanceof LogDamaged) || log.checkpoint() === note) throw error
      }
    }
  }

  /** What the mirror says it holds, which is not always what was put there. @returns the tail of its checkpoint, where that is known */
  async #look(local: Tree, checkpoint: Checkpoint): Promise<readonly string[]> {
    if (!this.#tree) {
      this.#acknowledged ??= await this.#remembered()
      this.#tail = this.#acknowledged?.tail ?? []
    }
    const note = (await this.#d.store.get('checkpoint'))?.toString('utf8')
    const tail = note === this.#acknowledged?.note ? (this.#acknowledged?.tail ?? []) : []
    if (this.#tree && note === this.#acknowledged?.note) return tail
    const held = note === undefined ? undefined : await openCheckpoint(note, this.#vkey)
    if (note !== undefined && !held)
      throw new MirrorContradicts('its checkpoint is not signed by the key of this log')
    const size = held?.size ?? 0
    if (size > checkpoint.size)
      throw new MirrorContradicts(
        `it holds ${size} entries and the log only ${checkpoint.size}: the log has been cut, or two gateways copy to one place`,
      )
    if (held && !equalBytes(await local.root(size), held.root))
      throw new MirrorContradicts(`its first ${size} entries are not those of the log`)
    const before = this.#acknowledged?.size ?? 0
    const isLess = size < before
    if (isLess) await this.#lost(`it held ${before} entries and now says ${size}`)
    if (!this.#tree || isLess || this.#tree.size < size)
      this.#tree = await GrowingTree.of(size, (level, index) => local.node(level, index, checkpoint.size))
    this.#acknowledged = note === undefined ? undefined : { note, size, tail: this.#tail }
    return tail
  }

  /** The tail and older tiles, compared with those on this disk: whoever takes files out of the mirror is noticed after some rounds. */
  async #sample(tail: readonly string[]): Promise<void> {
    const whole = Math.floor(this.size / TILE_WIDTH)
    const paths = [...tail]
    for (let n = 0; n < Math.min(SAMPLES, whole); n++) {
      const tile = Math.floor(Math.random() * whole)
      paths.push(entriesPath(tile), tilePath(0, tile), bodiesPath(tile))
    }
    for (const path of paths) {
      const [there, here] = await Promise.all([this.#d.store.get(path), this.#read(path)])
      // Also the file here may be gone: a body that nobody has any more, or the tail of an older checkpoint.
      if (!here) continue
      if (there && !equalBytes(there, here))
        throw new MirrorContradicts(`it holds another ${path} than the log`)
      if (there) continue
      await this.#lost(`it no longer holds ${path}`)
      // All of it is put again; what is still there is compared.
      this.#tree = new GrowingTree()
      return
    }
  }

  async #copy(local: Tree, checkpoint: Checkpoint, note: string): Promise<void> {
    const { store } = this.#d
    const source = {
      read: (path: string) => this.#read(path),
      at: (level: number, index: number) => local.node(level, index, checkpoint.size),
      checkpoint,
    }
    for (let tree = this.#tree as GrowingTree; tree.size < checkpoint.size; this.#tree = tree) {
      const step = Math.floor(tree.size / TILE_WIDTH) * TILE_WIDTH + STEP
      const next = await increment(tree, Math.min(step, checkpoint.size), source)
      await this.#send(next.files)
      for (const path of this.#tail) this.#superseded.add(path)
      this.#tail = next.files.filter(({ as }) => as === 'tail').map(({ path }) => path)
      tree = next.tree
    }
    if (note === this.#acknowledged?.note) return
    await store.put('vkey', Buffer.from(`${this.#d.log.vkey}\n`), 'head')
    const witnessed = await this.#read(WITNESSED_CHECKPOINT)
    // While this round copied, witnesses may have seen more than it did: beside this checkpoint that would look like a log that was cut.
    const seen = witnessed && parseCheckpoint(witnessed.toString('utf8'))
    if (witnessed && seen && seen.size <= checkpoint.size)
      await store.put(WITNESSED_CHECKPOINT, witnessed, 'head')
    // The last of all: what it counts is there.
    await store.put('checkpoint', Buffer.from(note), 'head')
    this.#acknowledged = { note, size: checkpoint.size, tail: this.#tail }
    await this.#files.put(this.#d.placeFile, Buffer.from(JSON.stringify(this.#acknowledged)))
    for (const path of this.#superseded) {
      if (!this.#tail.includes(path)) await store.discard(path)
      this.#superseded.delete(path)
    }
  }

  /** A few at a time; all have settled when it ends, also when one fails. */
  async #send(files: readonly MirrorFile[]): Promise<void> {
    for (let at = 0; at < files.length; at += PARALLEL)
      await all(files.slice(at, at + PARALLEL).map(({ path, data, as }) => this.#d.store.put(path, data, as)))
  }

  #read(path: string): Promise<Buffer | undefined> {
    return this.#files.read(join(this.#d.dir, path))
  }

  /** Undefined when nothing is remembered, or it is of another log: the one before was closed. */
  async #remembered(): Promise<Acknowledged | undefined> {
    const text = await this.#files.read(this.#d.placeFile)
    try {
      const remembered = text && Acknowledged.parse(JSON.parse(text.toString('utf8')))
      return remembered && (await openCheckpoint(remembered.note, this.#vkey)) ? remembered : undefined
    } catch {
      return undefined
    }
  }

  async #lost(what: string): Promise<void> {
    this.#d.onProblem(`The mirror ${this.#d.store.place} has lost something: ${what}. It is copied again.`)
    await this.#record('mirror.lost', { what })
  }

  async #tell(state: MirrorState, problem: string | undefined): Promise<void> {
    const before = this.#state
    this.#state = state
    if (problem !== undefined && problem !== this.#problem)
      this.#d.onProblem(`The log is not copied to ${this.#d.store.place}: ${problem}.`)
    this.#problem = problem
    if (state === before || (state === 'current' && before === 'starting')) return
    if (problem === undefined) await this.#record('mirror.current', {})
    else await this.#record('mirror.failed', { contradicts: state === 'contradicted', problem })
  }

  async #record(type: LogType, data: JsonObject): Promise<void> {
    const event = { type, actor: { kind: 'gateway' as const }, data: { ...data, mirrored: this.size } }
    await this.#d.recorder.append(event).catch(() => {})
  }
}
