import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

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

export const diskFiles: Files = {
  async openJournal(path, size) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const handle = await open(path, 'wx+', 0o600)
    try {
      // Blocks are taken now, so that a full disk shows before a call depends on them and a flush moves no metadata.
      await writeZeroes(handle, size)
      await handle.sync()
      await syncDir(dirname(path))
    } catch (error) {
      await handle.close()
      await unlink(path).catch(() => {})
      throw error
    }
    return {
      async write(data, position) {
        for (let done = 0; done < data.length; ) {
          const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
          done += bytesWritten
        }
      },
      sync: () => handle.datasync(),
      close: () => handle.close(),
    }
  },
  async put(path, data) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const temporary = `${path}.tmp`
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncDir(dirname(path))
  },
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  async list(dir) {
    try {
      return (await readdir(dir)).sort()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  },
  remove: (path) => unlink(path),
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
}

async function writeZeroes(handle: FileHandle, size: number): Promise<void> {
  const block = Buffer.alloc(Math.min(size, 1 << 20))
  for (let at = 0; at < size; at += block.length)
    await handle.write(block, 0, Math.min(block.length, size - at), at)
}

/** A new name is durable only when its directory is. Windows has no such call and needs none. */
export async function syncDir(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
