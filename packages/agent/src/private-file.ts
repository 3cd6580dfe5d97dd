import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/** Content of a file that only this account may read; undefined when there is none. @throws when others may read it */
export function readPrivate(path: string): string | undefined {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    // The file that was opened is the one that is checked and read, whatever the name points to meanwhile.
    if (process.platform !== 'win32' && (fstatSync(file).mode & OTHERS) !== 0) {
      throw new Error(
        `${path} can be read by other accounts, so its key has to be taken as known. Enrol again, and keep the file at mode 600.`,
      )
    }
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

/** Writes a file of mode 0600, whole or not at all, also across a crash. Replaces what was there. */
export function writePrivate(path: string, content: string): void {
  place(path, content, (temporary) => renameSync(temporary, path))
}

/** As {@link writePrivate}, but false and nothing written when the file exists: of two processes exactly one makes it. */
export function createPrivate(path: string, content: string): boolean {
  try {
    place(path, content, (temporary) => linkSync(temporary, path))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** A folder of mode 0700 for private files; one that exists may not be writable by others. */
export function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (process.platform !== 'win32' && (statSync(path).mode & OTHERS_WRITE) !== 0) {
    throw new Error(`Other accounts can put files into ${path}. Make it private first: chmod 700 ${path}`)
  }
}

function place(path: string, content: string, put: (temporary: string) => void): void {
  privateFolder(dirname(path))
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = openSync(temporary, 'wx', 0o600)
    try {
      writeSync(file, content)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    put(temporary)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncFolder(dirname(path))
}

/** Makes names in a folder durable; Windows has no such call. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
