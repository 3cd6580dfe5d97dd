import { join } from 'node:path'
import type { Loaded } from '../config/load.ts'
import { References } from '../credentials/resolve.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import { localBus } from '../store/local-bus.ts'
import { openPostgres } from '../store/postgres.ts'
import { postgresBus } from '../store/postgres-bus.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'

/**
 * The store of a configuration, and the bus that reaches every gateway on it. Both belong to `stack` from the moment they are open.
 * @throws StoreUnavailable
 */
export async function openStore(
  loaded: Loaded,
  stack: AsyncDisposableStack,
): Promise<{ store: Store; bus: Bus }> {
  const { config, dataDir, dir } = loaded
  if (config.store.kind === 'sqlite') {
    const store = stack.use(await openSqlite({ path: join(dataDir, 'state.sqlite') }))
    return { store, bus: stack.use(localBus()) }
  }
  const noSecrets = {
    open: () => refuse('CREDENTIAL_UNAVAILABLE', { server: 'store', detail: 'use {env} or {file}' }),
  }
  const references = new References({ dir, env: process.env, secrets: noSecrets })
  const url = (await references.resolve('store', config.store.url)).reveal()
  const store = stack.use(await openPostgres({ url }))
  return { store, bus: stack.use(await postgresBus({ url })) }
}
