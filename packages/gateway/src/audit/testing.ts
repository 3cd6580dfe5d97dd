import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogReport } from '@ostiary/evidence'
import { consistencyProof, leafHash, nodeHash, rangeHash, verifyLog } from '@ostiary/evidence'
import type { LogEvent } from '../model/evidence.ts'
import type { Files, JournalFile } from './files.ts'
import type { LogOptions } from './log.ts'
import { AuditLog } from './log.ts'
import { fileSigner } from './signers/file.ts'
import type { ProofFrom, TreeHead } from './signers/signer.ts'

export const ORIGIN = 'log.example.org'

export const event = (n: number): LogEvent => ({
  type: 'call.intent',
  actor: { kind: 'agent', agent: 'bot', instance: 'i1' },
  data: { n },
})

/** How an operation fails. `persisted`: it took effect and only the answer is an error. */
export interface Fault {
  readonly at: number
  readonly persisted: boolean
  /** The disk stays broken from there on. */
  readonly lasting: boolean
}

export class DiskError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/** A disk in memory: what was written, what would survive a power cut, and an operation that fails. */
export class MemoryDisk implements Files {
  written = new Map<string, Buffer>()
  durable = new Map<string, Buffer>()
  fault: Fault | undefined
  operations = 0
  /** Before each operation that changes the disk; tests hold the disk up here. */
  gate: (() => Promise<void>) | undefined

  async #change(effect: () => void): Promise<void> {
    await this.gate?.()
    const at = this.operations++
    const fails = this.fault && (this.fault.lasting ? at >= this.fault.at : at === this.fault.at)
    if (!fails || this.fault?.persisted) effect()
    if (fails) throw new DiskError('EIO')
  }

  async openJournal(path: string): Promise<JournalFile> {
    await this.#change(() => {
      if (this.written.has(path)) throw new DiskError('EEXIST')
      this.written.set(path, Buffer.alloc(0))
      this.durable.set(path, Buffer.alloc(0))
    })
    return {
      write: (data, position) =>
        this.#change(() => {
          const old = this.written.get(path) as Buffer
          const next = Buffer.alloc(Math.max(old.length, position + data.length))
          old.copy(next)
          next.set(data, position)
          this.written.set(path, next)
        }),
      sync: () => this.#change(() => void this.durable.set(path, this.written.get(path) as Buffer)),
      close: async () => {},
    }
  }

  put(path: string, data: Uint8Array): Promise<void> {
    return this.#change(() => {
      this.written.set(path, Buffer.from(data))
      this.durable.set(path, Buffer.from(data))
    })
  }

  async read(path: string): Promise<Buffer | undefined> {
    return this.written.get(path)
  }

  async list(dir: string): Promise<string[]> {
    const names = [...this.written.keys()].filter((path) => path.startsWith(`${dir}/`))
    return [...new Set(names.map((path) => path.slice(dir.length + 1).split('/')[0] as string))].sort()
  }

  remove(path: string): Promise<void> {
    return this.#change(() => {
      this.written.delete(path)
      this.durable.delete(path)
    })
  }

  removeFolder(dir: string): Promise<void> {
    return this.#change(() => {
      for (const path of this.written.keys()) {
        if (!path.startsWith(`${dir}/`)) continue
        this.written.delete(path)
        this.durable.delete(path)
      }
    })
  }

  /** The disk a new process finds: after `kill -9` everything written, after a power cut only what was flushed. */
  after(crash: 'kill' | 'power cut'): MemoryDisk {
    const disk = new MemoryDisk()
    disk.written = new Map(crash === 'kill' ? this.written : this.durable)
    disk.durable = new Map(disk.written)
    return disk
  }
}

/** A folder for the key, and logs over disks in memory. Checkpoints are signed when a test says so. */
export class LogBench implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ostiary-log-'))

  open(files: Files, options: Partial<LogOptions> = {}): Promise<AuditLog> {
    const clock = { now: () => 1_700_000_000_000 }
    const signer = fileSigner(join(this.dir, 'keys', 'log.key'), ORIGIN)
    return AuditLog.open({ dir: this.dir, signer, clock, checkpointMs: 2 ** 30, files, ...options })
  }

  path(name: string): string {
    return join(this.dir, 'log', name)
  }

  verify(disk: MemoryDisk, vkey: string, held?: string): Promise<LogReport> {
    const read = async (path: string) => disk.written.get(this.path(path))
    return verifyLog(read, held === undefined ? { vkey } : { vkey, held })
  }

  journals(disk: MemoryDisk): string[] {
    return [...disk.written.keys()].filter((path) => path.endsWith('.wal')).sort()
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Every acknowledged entry is in the log, and the log proves itself. */
export async function assertKept(log: AuditLog, acknowledged: ReadonlyMap<number, string>): Promise<void> {
  for (const [index, leaf] of acknowledged) {
    assert.equal((await log.read(index)).leaf, leaf, `entry ${index} is not the one that was acknowledged`)
  }
}

/** A tree of leaves that are numbers, without a log around it. `salt` makes another history. */
export class GrowingTree {
  readonly #salt: string
  constructor(salt = '') {
    this.#salt = salt
  }

  readonly #at = (level: number, index: number): Uint8Array =>
    level === 0
      ? leafHash(Buffer.from(`${this.#salt}${index}`))
      : nodeHash(this.#at(level - 1, 2 * index), this.#at(level - 1, 2 * index + 1))

  async head(size: number): Promise<TreeHead> {
    return { size, root: await rangeHash(this.#at, 0, size) }
  }

  proofTo(size: number): ProofFrom {
    return (from) => consistencyProof(this.#at, from, size)
  }
}
