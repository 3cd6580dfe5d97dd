import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** A file with a secret in it that other accounts could read. */
export class NotPrivate extends Error {
  override name = 'NotPrivate'
}

/**
 * Content of a file that only this account may read; undefined when there is none.
 * @throws NotPrivate when others may read it: the secret has to be taken as known
 */
export function readPrivateFile(path: string): Buffer | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
    throw new NotPrivate(`${path} can be read by other accounts. Run: chmod 600 ${path}`)
  }
  return readFileSync(path)
}

/** Writes a secret so that it is there whole, with mode 0600, or not at all. */
export function writePrivateFile(path: string, data: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  // What a crash left, or somebody put there, keeps its mode when it is opened; a new file gets ours.
  rmSync(temporary, { force: true })
  const file = openSync(temporary, 'wx', 0o600)
  try {
    // Not writeSync, which may write only a part.
    writeFileSync(file, data)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

/** Makes the new name durable too. Windows has no such call and does not need it. */
function syncFolder(dir: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** A 32-byte key in a private file, created on first use. @throws NotPrivate */
export function privateKey(path: string): Buffer {
  const stored = readPrivateFile(path)
  if (stored?.length === 32) return stored
  if (stored) throw new NotPrivate(`${path} is not a 32-byte key. Restore it from a backup.`)
  const key = randomBytes(32)
  writePrivateFile(path, key)
  return key
}
