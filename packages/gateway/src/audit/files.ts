import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDir } from '../lib/sync-dir.ts'

/**
 * The file operations the log depends on, as a port so that each can be made to fail in tests, before and after it took effect.
 * `put` MUST leave either the old or the whole new content, and MUST be durable when it resolves.
 */
export interface Files {
  openJournal(path: string, size: number): Promise<JournalFile>
  put(path: string, data: Uint8Array): Promise<void>
  read(path: string): Promise<Buffer | undefined>
  list(dir: string): Promise<string[]>
  remove(path: string): Promise<void>
  /** Removes a folder with what is in it; nothing when there is none. */
  removeFolder(path: string): Promise<void>
}

export interface JournalFile {
  write(data: Uint8Array, position: number): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is asked of a file system, one call of the system each: node:fs/promises has it, and tests let each one fail. */
export interface FileSystem {
  open(path: string, flags: 'r' | 'w' | 'wx+', mode?: number): Promise<OpenFile>
  mkdir(path: string, mode: number): Promise<unknown>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  rm(path: string, options: { recursive: true; force: true }): Promise<void>
  readdir(path: string): Promise<string[]>
  readFile(path: string): Promise<Buffer>
}

type OpenFile = Pick<FileHandle, 'sync' | 'datasync' | 'close'> & {
  write(data: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
}

/** The files of a log on a file system. */
export function filesOn(fs: FileSystem): Files {
  /** Folders that are there after a power cut. That one is there now does not say so. */
  const durable = new Set<string>()

  /** Makes the folder and those above it that are missing; all are durable when it resolves. */
  async function makeFolder(dir: string): Promise<void> {
    if (durable.has(dir)) return
    try {
      await fs.mkdir(dir, 0o700)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') {
        await makeFolder(dirname(dir))
        return await makeFolder(dir)
      }
      if (codeOf(error) !== 'EEXIST') throw error
    }
    await syncDir(dirname(dir), fs).catch((error) => {
      // A folder that may not be read has not been written by us either, so what is in it was there before.
      if (codeOf(error) !== 'EACCES') throw error
    })
    durable.add(dir)
  }

  async function create(path: string, flags: 'w' | 'wx+'): Promise<OpenFile> {
    await makeFolder(dirname(path))
    try {
      return await fs.open(path, flags, 0o600)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      // Somebody took a folder away since.
      durable.clear()
      await makeFolder(dirname(path))
      return await fs.open(path, flags, 0o600)
    }
  }

  return {
    async openJournal(path, size) {
      const handle = await create(path, 'wx+')
      try {
        // Blocks are taken now, so that a full disk shows before a call depends on them and a flush moves no metadata.
        const block = Buffer.alloc(Math.min(size, 1 << 20))
        for (let at = 0; at < size; at += block.length)
          await writeAll(handle, block.subarray(0, Math.min(block.length, size - at)), at)
        await handle.sync()
        await syncDir(dirname(path), fs)
      } catch (error) {
        await handle.close()
        await fs.unlink(path).catch(() => {})
        throw error
      }
      return {
        write: (data, position) => writeAll(handle, data, position),
        sync: () => handle.datasync(),
        close: () => handle.close(),
      }
    },
    async put(path, data) {
      const temporary = `${path}.tmp`
      const handle = await create(temporary, 'w')
      try {
        await writeAll(handle, data, 0)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await fs.rename(temporary, path)
      await syncDir(dirname(path), fs)
    },
    read: (path) => orNothing(fs.readFile(path), undefined),
    list: async (dir) => (await orNothing(fs.readdir(dir), [])).sort(),
    remove: (path) => fs.unlink(path),
    removeFolder(path) {
      durable.delete(path)
      return fs.rm(path, { recursive: true, force: true })
    },
  }
}

export const diskFiles: Files = filesOn({ open, rename, unlink, rm, readdir, readFile, mkdir })

async function writeAll(handle: OpenFile, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
    done += bytesWritten
  }
}

async function orNothing<T, N>(found: Promise<T>, nothing: N): Promise<T | N> {
  try {
    return await found
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return nothing
    throw error
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
