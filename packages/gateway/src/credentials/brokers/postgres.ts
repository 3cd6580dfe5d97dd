import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { CredentialOf } from '../../config/credential-schema.ts'
import { before } from '../../lib/deadline.ts'
import { refuse } from '../../model/refusal.ts'
import type { Broker, BrokerDeps, MintRequest, RevokeRequest } from '../broker.ts'
import { scramVerifier } from './scram.ts'

const CONNECT_MS = 5000
const STATEMENT_MS = 10_000
/** How long a task's role may live when the gateway dies with it; the role is ended with the task long before. */
const OWN_LIFE_MS = 10 * 60_000

const MAX_TRIES = 50
const DEPENDENT_OBJECTS = '2BP01'

const quoted = pg.escapeIdentifier
const literal = pg.escapeLiteral

/** `lse_…` in lower case is a plain identifier; the prefix keeps it apart from the roles of people. */
const roleName = (lease: string): string => `ostiary_${lease}`

/**
 * A role for one task: the rights of the template role, and of what row-level security lets through by `session_user` only the task's
 * subject. A custom setting would be no boundary, since the role could change it; `session_user` it cannot. `VALID UNTIL` does not end a
 * session that is open, so revoking empties the scope first (the next query sees no row), then bars the role and ends its sessions.
 */
export function postgresBroker(deps: BrokerDeps): Broker<'postgres'> {
  return {
    kind: 'postgres',
    async mint(request) {
      const admin = new URL((await deps.secret(request.server, request.config.admin)).reveal())
      const user = roleName(request.lease)
      const password = randomBytes(24).toString('base64url')
      const expiresAt = request.holder?.expiresAt ?? deps.now() + OWN_LIFE_MS
      await asAdmin(request, admin, (client) => create(client, request, { user, password, expiresAt }))
      const url = new URL(admin)
      url.username = user
      url.password = password
      return {
        values: new Map([
          ['url', url.href],
          ['user', user],
          ['password', password],
        ]),
        expiresAt: undefined,
      }
    },
    async revoke(request) {
      const admin = new URL((await deps.secret(request.server, request.config.admin)).reveal())
      await asAdmin(request, admin, (client) => drop(client, request.config, roleName(request.lease)))
    },
  }
}

async function create(
  client: pg.Client,
  { config, holder }: MintRequest<'postgres'>,
  login: { user: string; password: string; expiresAt: number },
): Promise<void> {
  const role = quoted(login.user)
  await client.query('begin')
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [login.user])
  // Role statements take no parameters; both values are made here, and quoted all the same.
  await client.query(
    `create role ${role} with login nosuperuser nocreatedb nocreaterole nobypassrls inherit
       connection limit ${config.connections} password ${literal(scramVerifier(login.password, randomBytes(16)))}
       valid until ${literal(new Date(login.expiresAt).toISOString())} in role ${quoted(config.role)}`,
  )
  await client.query(`alter role ${role} set statement_timeout = '30s'`)
  await client.query(`alter role ${role} set idle_in_transaction_session_timeout = '30s'`)
  if (config.scope && holder?.subject !== undefined) {
    await client.query(`insert into ${scopeTable(config.scope)} (role_name, subject) values ($1, $2)`, [
      login.user,
      holder.subject,
    ])
  }
  await client.query('commit')
}

async function drop(client: pg.Client, config: CredentialOf<'postgres'>, user: string): Promise<void> {
  // A minting that was cut off may be about to commit: whoever holds this has done so, or never will.
  await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [user])
  // By itself and first: from its commit on, the next query of an open session sees no row.
  if (config.scope) {
    await client.query(`delete from ${scopeTable(config.scope)} where role_name = $1`, [user])
  }
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [user])
  if (rowCount === 0) return
  await client.query(`alter role ${quoted(user)} nologin`)
  await endSessions(client, user)
  try {
    await client.query(`drop role if exists ${quoted(user)}`)
  } catch (error) {
    // It made objects that still exist. It cannot log in and has no session, so the name is all that is left of it.
    if ((error as { code?: string }).code !== DEPENDENT_OBJECTS) throw error
  }
}

/** @throws when one does not end: dropping its role would not end it either. */
async function endSessions(client: pg.Client, user: string): Promise<void> {
  const { rows } = await client.query("select pg_has_role(current_user, $1, 'usage') as may", [user])
  if (!rows[0]?.may) {
    // An administrator that is no superuser may not end the sessions of others; each role may end its own.
    await client.query(`grant ${quoted(user)} to current_user`)
    await client.query(`set role ${quoted(user)}`)
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    // A session that was just logging in shows up a moment later.
    const ended = await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1',
      [user],
    )
    if (ended.rowCount === 0) return void (await client.query('reset role'))
    await client.query('select pg_sleep(0.02)')
  }
  throw new Error('a session does not end')
}

const scopeTable = ({ schema, table }: { schema: string; table: string }): string =>
  `${quoted(schema)}.${quoted(table)}`

async function asAdmin(
  { server, signal }: Pick<RevokeRequest, 'server' | 'signal'>,
  admin: URL,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({
    connectionString: admin.href,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS,
  })
  // A connection that breaks fails the query under way; without a listener it would end the process.
  client.on('error', () => {})
  const abort = () => void client.end().catch(() => {})
  signal.addEventListener('abort', abort, { once: true })
  try {
    await client.connect()
    await work(client)
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'unknown'
    // Its own words may quote a statement, and so a password.
    refuse('CREDENTIAL_UNAVAILABLE', { server, detail: `PostgreSQL refused (${code})` })
  } finally {
    signal.removeEventListener('abort', abort)
    await before(signal, client.end()).catch(() => {})
  }
}
