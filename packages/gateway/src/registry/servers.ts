import type { ServerConfig } from '../config/schema.ts'
import { isStdio } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { Recorder } from '../model/evidence.ts'
import type { Store } from '../store/store.ts'
import { digestOf } from './pins.ts'

/**
 * Digest of what an operator agreed to run or to reach: program, arguments, folder and names of variables, or address and names of
 * headers. No values of variables or headers: the digest goes into the log, and a short secret could be guessed from it.
 */
export function launchDigest(server: ServerConfig): string {
  return digestOf(
    isStdio(server)
      ? { command: server.command, args: server.args, cwd: server.cwd, env: names(server.env) }
      : { url: server.url, headers: names(lowerCased(server.headers)) },
  )
}

/** As a record, because canonical JSON sorts members. */
const names = (record: Readonly<Record<string, unknown>>): Readonly<Record<string, true>> =>
  Object.fromEntries(Object.keys(record).map((name) => [name, true]))

const lowerCased = (headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/**
 * Brings the table of servers in line with the configuration and records what was added, changed or removed.
 * Of a removed server only undecided proposals are forgotten: what people decided about its tools stays decided.
 * @returns names of the servers whose tools were forgotten
 */
export async function registerServers(
  { store, recorder, clock }: { store: Store; recorder: Recorder; clock: Clock },
  configured: Readonly<Record<string, ServerConfig>>,
): Promise<readonly string[]> {
  const rows = await store.db.selectFrom('servers').select(['name', 'launch_digest']).execute()
  const known = new Map(rows.map((row) => [row.name, row.launch_digest]))
  for (const [name, server] of Object.entries(configured)) {
    const launch_digest = launchDigest(server)
    const old = known.get(name)
    known.delete(name)
    if (old === launch_digest) continue
    await recorder.append({
      type: old === undefined ? 'server.added' : 'server.changed',
      actor: { kind: 'gateway' },
      data: { server: name, ...(old === undefined ? {} : { old }), new: launch_digest },
    })
    await store.db
      .insertInto('servers')
      .values({ name, launch_digest, seen: '', seen_at: null, created_at: clock.now() })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ launch_digest }))
      .execute()
  }
  for (const [name, old] of known) {
    await recorder.append({ type: 'server.removed', actor: { kind: 'gateway' }, data: { server: name, old } })
    await store.transaction(async (tx) => {
      await tx.deleteFrom('servers').where('name', '=', name).execute()
      await tx.deleteFrom('tools').where('server', '=', name).where('status', '=', 'proposed').execute()
    })
  }
  return [...known.keys()]
}
