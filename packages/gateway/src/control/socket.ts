import { hash } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { getRequestListener } from '@hono/node-server'

/** Longest path of a Unix socket that every system takes. */
const MAX_PATH = 100

/**
 * Where the operators' interface of a data folder is: a socket inside the private folder; for a folder whose path is too long, one in
 * the temporary folder with an unguessable name; on Windows a named pipe.
 */
export function controlPath(dataDir: string): string {
  const name = `ostiary-${hash('sha256', resolve(dataDir), 'hex').slice(0, 32)}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const inside = join(dataDir, 'control.sock')
  return inside.length <= MAX_PATH ? inside : join(tmpdir(), `${name}.sock`)
}

/** Serves the operators' interface where only this account can reach it. The caller holds the folder lock, so an old socket is stale. */
export async function listenPrivately(
  dataDir: string,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const path = controlPath(dataDir)
  if (process.platform !== 'win32') rmSync(path, { force: true })
  const server = createServer(getRequestListener(fetch, { overrideGlobalObjects: false }))
  const { promise, resolve: ready, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  // The socket is private from its first moment, not only after chmod.
  const mask = process.umask(0o077)
  try {
    server.listen(path, ready)
    await promise
  } finally {
    process.umask(mask)
  }
  if (process.platform !== 'win32') chmodSync(path, 0o600)
  return {
    path,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}
