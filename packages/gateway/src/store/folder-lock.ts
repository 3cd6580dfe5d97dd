import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'

/** Another gateway holds the data folder. */
export class FolderLocked extends Error {
  override name = 'FolderLocked'
}

/** The data folder is open to other accounts. */
export class FolderNotPrivate extends Error {
  override name = 'FolderNotPrivate'
}

/**
 * Makes this process the only gateway on a data folder, which is created when absent and must be private.
 * The lock is the operating system's (through SQLite), so it is gone when the process is, however it ended.
 */
export function lockFolder(dir: string): Disposable {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (process.platform !== 'win32' && (statSync(dir).mode & 0o077) !== 0) {
    throw new FolderNotPrivate(`The data folder ${dir} can be read by other accounts. Run: chmod 700 ${dir}`)
  }
  const pidFile = join(dir, 'pid')
  const connection = new SqliteDatabase(join(dir, 'lock'), { timeout: 0 })
  try {
    connection.pragma('locking_mode = exclusive')
    connection.exec('begin exclusive')
  } catch (error) {
    connection.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') {
      throw new FolderLocked(
        `The data folder ${dir} cannot be locked: ${(error as Error).message}. Check the disk; if no gateway is running on it, remove ${join(dir, 'lock')}.`,
      )
    }
    throw new FolderLocked(
      `Another gateway (process ${holder(pidFile)}) is running on ${dir}. Use it, stop it, or choose another data folder under \`data\` in ostiary.yaml.`,
    )
  }
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  return {
    [Symbol.dispose]() {
      connection.exec('rollback')
      connection.close()
    },
  }
}

function holder(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim()
  } catch {
    // It has not written it yet.
    return 'unknown'
  }
}
