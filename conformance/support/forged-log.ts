import { cpSync, mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReadFile } from '../../packages/evidence/src/index.ts'
import { parseEntries } from '../../packages/evidence/src/index.ts'
import type { LogEntry } from '../../packages/gateway/src/audit/entry.ts'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'

export const readerOf =
  (log: string): ReadFile =>
  (path) =>
    readFile(join(log, path)).catch(() => undefined)

/** The entries of a log of fewer than 256, as they stand in its newest bundle. */
export async function entriesOf(log: string): Promise<LogEntry[]> {
  const size = Number((await readFile(join(log, 'checkpoint'), 'utf8')).split('\n')[1])
  const bundle = await readFile(join(log, `tile/entries/000.p/${size}`))
  return (parseEntries(bundle) as Uint8Array[]).map((bytes) =>
    JSON.parse(Buffer.from(bytes).toString('utf8')),
  )
}

/**
 * What somebody with the log's own key can make: a log of these entries that is whole and correctly signed.
 * @param like data folder of the true gateway, whose key is used
 * @returns the folder of the log
 */
export async function forge(into: string, like: string, entries: readonly LogEntry[]): Promise<string> {
  mkdirSync(into, { recursive: true })
  cpSync(join(like, 'keys'), join(into, 'keys'), { recursive: true })
  let at = 0
  const origin = (await readFile(join(like, 'log-name'), 'utf8')).trim()
  const signer = fileSigner(join(into, 'keys', 'log.key'), origin)
  const clock = { now: () => (entries[at] as LogEntry).ts }
  // The first entry, `log.opened`, is the log's own.
  const log = await AuditLog.open({ dir: into, signer, clock, checkpointMs: 2 ** 30 })
  for (at = 1; at < entries.length; at++) {
    const { v: _, ts: __, ...event } = entries[at] as LogEntry
    await log.append(event)
  }
  await log.close()
  return join(into, 'log')
}
