import type { InteractiveConfig } from '../../config/interactive-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { newId } from '../../lib/id.ts'
import { parseStrictText } from '../../lib/strict-json.ts'
import type { Recorder } from '../../model/evidence.ts'
import { refuse } from '../../model/refusal.ts'
import type { Store } from '../../store/store.ts'
import type { ClientMetadata } from './client-metadata.ts'
import { ClientDocuments, readMetadata } from './client-metadata.ts'

/** A registration that nobody used is forgotten after this long. */
const UNUSED_MS = 24 * 60 * 60_000
const MAX_REGISTERED = 1000

export interface KnownClient {
  readonly metadata: ClientMetadata
  /** The agent its instances belong to, by name. */
  readonly agent: string
}

/** Which clients people may use: those an operator listed, and self-registered ones where that is allowed. */
export class Clients {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; config(): InteractiveConfig | undefined }
  readonly #documents: ClientDocuments

  constructor(deps: {
    store: Store
    recorder: Recorder
    clock: Clock
    config(): InteractiveConfig | undefined
  }) {
    this.#d = deps
    this.#documents = new ClientDocuments(() => deps.clock.now())
  }

  get isEnabled(): boolean {
    return this.#d.config() !== undefined
  }

  get takesRegistrations(): boolean {
    return this.#d.config()?.registration !== undefined
  }

  /** @throws Refusal CLIENT_UNKNOWN, CLIENT_INVALID, CLIENT_UNAVAILABLE */
  async get(clientId: string): Promise<KnownClient> {
    const config = this.#d.config()
    const listed = config?.clients.find(({ client_id }) => client_id === clientId)
    if (listed) return { metadata: await this.#documents.get(clientId), agent: listed.agent }
    const row = await this.#d.store.db
      .selectFrom('oauth_clients')
      .selectAll()
      .where('client_id', '=', clientId.slice(0, 100))
      .executeTakeFirst()
    if (!row || !config?.registration) return refuse('CLIENT_UNKNOWN')
    const metadata = readMetadata(row.client_id, parseStrictText(row.metadata))
    return { metadata, agent: config.registration.agent }
  }

  /** Dynamic registration (RFC 7591 section 3). @throws Refusal CLIENT_UNKNOWN when it is off, CLIENT_INVALID, TOO_MANY */
  async register(value: unknown): Promise<ClientMetadata> {
    const config = this.#d.config()
    if (!config?.registration) return refuse('CLIENT_UNKNOWN')
    const metadata = readMetadata(newId('cli'), value)
    const now = this.#d.clock.now()
    const { db } = this.#d.store
    await db
      .deleteFrom('oauth_clients')
      .where('used_at', 'is', null)
      .where('created_at', '<', now - UNUSED_MS)
      .execute()
    const { held } = await db
      .selectFrom('oauth_clients')
      .select((e) => e.fn.countAll<number>().as('held'))
      .executeTakeFirstOrThrow()
    if (Number(held) >= MAX_REGISTERED) refuse('TOO_MANY', { what: 'registered clients', seconds: 3600 })
    await this.#d.recorder.append({
      type: 'client.registered',
      actor: { kind: 'gateway' },
      data: { client: metadata.clientId, name: metadata.name, redirect_uris: metadata.redirectUris },
    })
    const { name: client_name, redirectUris: redirect_uris } = metadata
    await db
      .insertInto('oauth_clients')
      .values({
        client_id: metadata.clientId,
        metadata: JSON.stringify({ client_name, redirect_uris }),
        created_at: now,
        used_at: null,
      })
      .execute()
    return metadata
  }

  async used(clientId: string): Promise<void> {
    await this.#d.store.db
      .updateTable('oauth_clients')
      .set({ used_at: this.#d.clock.now() })
      .where('client_id', '=', clientId)
      .execute()
  }
}
