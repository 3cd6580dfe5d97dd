import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** Content of a file that only this account may read; undefined when there is none. @throws when others may read it */
export function readPrivate(path: string): string | undefined {
  const info = statSync(path, { throwIfNoEntry: false })
  if (!info) return undefined
  if (process.platform !== 'win32' && (info.mode & 0o077) !== 0) {
    throw new Error(
      `${path} can be read by other accounts, so its key has to be taken as known. Enrol again, and keep the file at mode 600.`,
    )
  }
  return readFileSync(path, 'utf8')
}

/** Whole with mode 0600, or not at all. */
export function writePrivate(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w', 0o600)
  try {
    writeSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}
