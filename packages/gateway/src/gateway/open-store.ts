import { join } from 'node:path'
import type { ProjectionPlace } from '../audit/projection/place.ts'
import type { SecretReference } from '../config/fields.ts'
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
  const { config, dataDir } = loaded
  if (config.store.kind === 'sqlite') {
    const store = stack.use(await openSqlite({ path: join(dataDir, 'state.sqlite') }))
    return { store, bus: stack.use(localBus()) }
  }
  const url = await storeUrl(loaded, config.store.url)
  const store = stack.use(await openPostgres({ url }))
  return { store, bus: stack.use(await postgresBus({ url })) }
}

/** Where the searchable tables of the log are: beside the store, and never in it. */
export async function projectionPlace(loaded: Loaded): Promise<ProjectionPlace> {
  const { config, dataDir } = loaded
  return config.store.kind === 'sqlite'
    ? { kind: 'sqlite', path: join(dataDir, 'projection.db') }
    : { kind: 'postgres', url: await storeUrl(loaded, config.store.url) }
}

async function storeUrl({ dir }: Loaded, reference: SecretReference): Promise<string> {
  const noSecrets = {
    open: () => refuse('CREDENTIAL_UNAVAILABLE', { server: 'store', detail: 'use {env} or {file}' }),
  }
  const references = new References({ dir, env: process.env, secrets: noSecrets })
  return (await references.resolve('store', reference)).reveal()
}
