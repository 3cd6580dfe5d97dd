import { hash } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Longest path of a Unix socket that every system takes. */
const MAX_PATH = 100

/**
 * Where a private interface of a data folder is: a socket inside the folder; for a folder whose path is too long, one in the temporary
 * folder with an unguessable name; on Windows a named pipe. `control` is the operators', `owner` the one between our own processes.
 */
export function privatePath(dataDir: string, which: 'control' | 'owner'): string {
  const name = `ostiary-${which}-${hash('sha256', resolve(dataDir), 'hex').slice(0, 32)}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const inside = join(dataDir, `${which}.sock`)
  return inside.length <= MAX_PATH ? inside : join(tmpdir(), `${name}.sock`)
}

/** Listens where only this account can reach it. The caller holds the folder lock, so an old socket is stale. */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  if (process.platform !== 'win32') rmSync(path, { force: true })
  await listenMasked(server, path, 0o077)
  if (process.platform !== 'win32') chmodSync(path, 0o600)
}

/** Listens on a socket that has its mode from its first moment, not only after chmod. */
export async function listenMasked(server: Server, path: string, withheld: number): Promise<void> {
  const { promise, resolve: ready, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  const mask = process.umask(withheld)
  try {
    server.listen(path, ready)
    await promise
  } finally {
    process.umask(mask)
  }
}
