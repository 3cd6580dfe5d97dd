import { dirname } from 'node:path'
import type { FileSystem } from '../../packages/gateway/src/audit/files.ts'

/**
 * How a call of the file system fails. `refused`: it took no effect. `done`: it took effect, and only the answer is an error. `torn`: of a
 * write the first half took effect.
 */
export const FAILURES = ['refused', 'done', 'torn'] as const
export type Failure = (typeof FAILURES)[number]

export interface Break {
  readonly at: number
  readonly failure: Failure
  /** Every later call fails in the same way. */
  readonly lasting: boolean
}

/**
 * What a new process finds. `kill`: all that was written. `power cut`: only what was flushed, names included. `names first`: names that were
 * never flushed are there all the same, with the bytes that were: file systems may do either.
 */
export const CRASHES = ['kill', 'power cut', 'names first'] as const
export type Crash = (typeof CRASHES)[number]

class Inode {
  written: Buffer
  durable: Buffer
  /** A flush failed: the system may have dropped the bytes, and a later flush that succeeds does not bring them back. */
  isPoisoned = false

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.written = bytes
    this.durable = bytes
  }
}

const ZEROES = Buffer.alloc(1 << 20)

const failed = (code: string): Error => Object.assign(new Error(code), { code })

/** A disk with a volatile cache over names and bytes, of which one call fails. */
export class BreakingDisk implements FileSystem {
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  readonly #folders: Set<string>
  #durableFolders: Set<string>
  /** Calls that change something. */
  calls = 0
  /** What each of them was. */
  readonly kinds: string[] = []
  break: Break | undefined
  /** Told of all bytes that are written anywhere, also by calls that fail. */
  onWrite: ((path: string, data: Uint8Array) => void) | undefined

  readonly #root: string

  constructor(root: string) {
    this.#root = root
    this.#folders = new Set([root])
    this.#durableFolders = new Set([root])
  }

  async #call(kind: string, effect: (isTorn: boolean) => void): Promise<void> {
    const at = this.calls++
    this.kinds.push(kind)
    const { break: fault } = this
    const fails = fault !== undefined && (fault.lasting ? at >= fault.at : at === fault.at)
    if (!fails) return effect(false)
    if (fault.failure === 'done') effect(false)
    if (fault.failure === 'torn' && kind === 'write') effect(true)
    throw failed('EIO')
  }

  async open(path: string, flags: 'r' | 'w' | 'wx+') {
    if (flags === 'r') return this.#folder(path)
    if (!this.#folders.has(dirname(path))) throw failed('ENOENT')
    if (flags === 'wx+' && this.#names.has(path)) throw failed('EEXIST')
    let inode = this.#names.get(path) ?? new Inode()
    await this.#call('open', () => {
      if (flags === 'w' && this.#names.has(path)) {
        inode.written = Buffer.alloc(0)
        inode.isPoisoned = false
      } else inode = new Inode()
      this.#names.set(path, inode)
    })
    const sync = () =>
      this.#call('sync', () => {
        if (!inode.isPoisoned) inode.durable = inode.written
      }).catch((error) => {
        inode.isPoisoned = true
        throw error
      })
    return {
      sync,
      datasync: sync,
      close: async () => {},
      write: async (data: Uint8Array, offset: number, length: number, position: number) => {
        const part = data.subarray(offset, offset + length)
        this.onWrite?.(path, part)
        await this.#call('write', (isTorn) => {
          const bytes = isTorn ? part.subarray(0, length >> 1) : part
          // Zeroes behind the end are what reading there gives anyway.
          if (
            position >= inode.written.length &&
            bytes[0] === 0 &&
            ZEROES.subarray(0, bytes.length).equals(bytes)
          )
            return
          const next = Buffer.alloc(Math.max(inode.written.length, position + bytes.length))
          inode.written.copy(next)
          next.set(bytes, position)
          inode.written = next
        })
        return { bytesWritten: length }
      },
    }
  }

  #folder(path: string) {
    const sync = () =>
      this.#call('sync folder', () => {
        for (const name of this.#durableNames.keys())
          if (dirname(name) === path && !this.#names.has(name)) this.#durableNames.delete(name)
        for (const [name, inode] of this.#names)
          if (dirname(name) === path) this.#durableNames.set(name, inode)
        for (const folder of this.#folders) if (dirname(folder) === path) this.#durableFolders.add(folder)
      })
    const nothing = async () => {
      throw failed('EISDIR')
    }
    return { sync, datasync: sync, close: async () => {}, write: nothing }
  }

  async mkdir(path: string): Promise<void> {
    if (this.#folders.has(path)) throw failed('EEXIST')
    if (!this.#folders.has(dirname(path))) throw failed('ENOENT')
    await this.#call('mkdir', () => void this.#folders.add(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call('rename', () => {
      this.#names.set(to, this.#names.get(from) as Inode)
      this.#names.delete(from)
    })
  }

  async unlink(path: string): Promise<void> {
    await this.#call('unlink', () => void this.#names.delete(path))
  }

  async rm(path: string): Promise<void> {
    await this.#call('rm', () => {
      for (const name of this.#names.keys()) if (name.startsWith(`${path}/`)) this.#names.delete(name)
      this.#folders.delete(path)
    })
  }

  async readdir(path: string): Promise<string[]> {
    if (!this.#folders.has(path)) throw failed('ENOENT')
    const names = [...this.#names.keys(), ...this.#folders].filter(
      (name) => dirname(name) === path && name !== path,
    )
    return names.map((name) => name.slice(path.length + 1))
  }

  async readFile(path: string): Promise<Buffer> {
    const inode = this.#names.get(path)
    if (!inode) throw failed('ENOENT')
    return Buffer.from(inode.written)
  }

  /** What a reader finds now. */
  content(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.written
  }

  after(crash: Crash): BreakingDisk {
    const found = new BreakingDisk(this.#root)
    const isCut = crash === 'power cut'
    for (const folder of isCut ? this.#durableFolders : this.#folders) found.#folders.add(folder)
    for (const [name, inode] of isCut ? this.#durableNames : this.#names) {
      if (!found.#reaches(name)) continue
      found.#names.set(name, new Inode(crash === 'kill' ? inode.written : inode.durable))
    }
    found.#durableNames = new Map(found.#names)
    found.#durableFolders = new Set(found.#folders)
    return found
  }

  /** A name is there only as long as every folder above it is. */
  #reaches(name: string): boolean {
    for (let folder = dirname(name); folder !== this.#root; folder = dirname(folder))
      if (!this.#folders.has(folder)) return false
    return true
  }
}
