import { hash, randomBytes } from 'node:crypto'
import type { Role } from '../../config/people-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { newId } from '../../lib/id.ts'
import type { LogActor, Recorder } from '../../model/evidence.ts'
import { refuse } from '../../model/refusal.ts'
import type { OperatorRow } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

const LINK_MS = 10 * 60_000
const IDLE_MS = 30 * 60_000
const LONGEST_MS = 8 * 60 * 60_000

/** A person who has signed in. */
export interface OperatorSession {
  readonly name: string
  readonly roles: readonly Role[]
  readonly method: 'link' | 'passkey' | 'oidc' | 'socket'
  /** Of the operator row; empty for who came through the local socket. */
  readonly operator: string
}

const secret = () => randomBytes(32).toString('base64url')
const digest = (text: string) => hash('sha256', text, 'hex')

/** The provider's claims decide about its accounts at each sign-in; a way around it would outlive what it says. */
function assertLocal({ name, subject }: OperatorRow): void {
  if (subject !== null) refuse('SIGN_IN_BY_PROVIDER', { operator: name })
}

/** People at the control plane: who they are, how they sign in for the first time, and their open sessions. */
export class Operators {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; onDisabled(person: string): Promise<void> }

  /** `onDisabled` ends what acts for the person because they signed in. */
  constructor(deps: {
    store: Store
    recorder: Recorder
    clock: Clock
    onDisabled(person: string): Promise<void>
  }) {
    this.#d = deps
  }

  async list(): Promise<readonly OperatorRow[]> {
    return await this.#d.store.db.selectFrom('operators').selectAll().orderBy('name').execute()
  }

  async find(name: string): Promise<OperatorRow | undefined> {
    return await this.#d.store.db
      .selectFrom('operators')
      .selectAll()
      .where('name', '=', name.slice(0, 200))
      .executeTakeFirst()
  }

  /** The name of whom the organisation's provider calls this. */
  async nameOf({ iss, sub }: { iss: string; sub: string }): Promise<string | undefined> {
    const row = await this.#d.store.db
      .selectFrom('operators')
      .select('name')
      .where('subject', '=', `${iss}|${sub}`)
      .executeTakeFirst()
    return row?.name
  }

  /** @throws Refusal OPERATOR_UNKNOWN */
  async require(name: string): Promise<OperatorRow> {
    return (await this.find(name)) ?? refuse('OPERATOR_UNKNOWN', { operator: name.slice(0, 60) })
  }

  /** @throws Refusal OPERATOR_EXISTS */
  async add(name: string, roles: readonly Role[], by: LogActor): Promise<OperatorRow> {
    if (await this.find(name)) refuse('OPERATOR_EXISTS', { operator: name })
    return await this.#insert(name, roles, null, by)
  }

  async setRoles(name: string, roles: readonly Role[], by: LogActor): Promise<void> {
    const row = await this.require(name)
    await this.#record('operator.changed', by, { operator: name, roles: [...roles] })
    await this.#d.store.db
      .updateTable('operators')
      .set({ roles: JSON.stringify(roles) })
      .where('id', '=', row.id)
      .execute()
    await this.endSessions(row.id)
  }

  /** Their sessions end now, and they sign in no more. */
  async disable(name: string, by: LogActor): Promise<void> {
    const row = await this.require(name)
    await this.#record('operator.disabled', by, { operator: name })
    await this.#d.store.db
      .updateTable('operators')
      .set({ status: 'disabled' })
      .where('id', '=', row.id)
      .execute()
    await this.endSessions(row.id)
    await this.#d.onDisabled(name)
  }

  /** A one-time code by which a person signs in; the ones before are void. @throws Refusal OPERATOR_UNKNOWN, OPERATOR_DISABLED */
  async issueLink(name: string, by: LogActor): Promise<{ code: string; expires_at: number }> {
    const row = await this.require(name)
    if (row.status !== 'active') refuse('OPERATOR_DISABLED', { operator: name })
    assertLocal(row)
    const code = randomBytes(20).toString('base64url')
    const now = this.#d.clock.now()
    await this.#record('operator.link_issued', by, { operator: name })
    await this.#d.store.transaction(async (tx) => {
      await tx.deleteFrom('sign_in_links').where('operator_id', '=', row.id).execute()
      await tx
        .insertInto('sign_in_links')
        .values({ code_hash: digest(code), operator_id: row.id, expires_at: now + LINK_MS, used_at: null })
        .execute()
    })
    return { code, expires_at: now + LINK_MS }
  }

  /** Uses a link up. @throws Refusal SIGN_IN_REFUSED */
  async redeemLink(code: string): Promise<string> {
    const code_hash = digest(code.slice(0, 100))
    const now = this.#d.clock.now()
    const operator = await this.#d.store.transaction(async (tx) => {
      const used = await tx
        .updateTable('sign_in_links')
        .set({ used_at: now })
        .where('code_hash', '=', code_hash)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (used.numUpdatedRows !== 1n) return undefined
      return await tx
        .selectFrom('sign_in_links')
        .select('operator_id')
        .where('code_hash', '=', code_hash)
        .executeTakeFirst()
    })
    if (!operator) return refuse('SIGN_IN_REFUSED', { detail: 'the link is unknown, used or expired' })
    return await this.#openSession(operator.operator_id, 'link')
  }

  /** A person whom the organisation's provider has vouched for; roles follow the claims at every sign-in. */
  async signedIn(person: { name: string; subject: string; roles: readonly Role[] }): Promise<string> {
    const by = { kind: 'gateway' } as const
    const { db } = this.#d.store
    const known = await db
      .selectFrom('operators')
      .selectAll()
      .where('subject', '=', person.subject)
      .executeTakeFirst()
    if (known) {
      if (known.roles !== JSON.stringify(person.roles)) await this.setRoles(known.name, person.roles, by)
      return await this.#openSession(known.id, 'oidc')
    }
    // A name that is taken is somebody else: the provider's subject is what identifies.
    if (await this.find(person.name))
      return refuse('SIGN_IN_REFUSED', { detail: 'another account has this name already' })
    const row = await this.#insert(person.name, person.roles, person.subject, by)
    return await this.#openSession(row.id, 'oidc')
  }

  /** @returns the value of a new session cookie. @throws Refusal SIGN_IN_REFUSED */
  async openByPasskey(operatorId: string): Promise<string> {
    return await this.#openSession(operatorId, 'passkey')
  }

  /** The session of a cookie, with the roles the person has now. */
  async session(cookie: string): Promise<OperatorSession | undefined> {
    const now = this.#d.clock.now()
    const sessionHash = digest(cookie.slice(0, 100))
    const row = await this.#d.store.db
      .selectFrom('operator_sessions')
      .innerJoin('operators', 'operators.id', 'operator_sessions.operator_id')
      .select(['operators.id', 'name', 'roles', 'method', 'seen_at'])
      .where('hash', '=', sessionHash)
      .where('operators.status', '=', 'active')
      .where('expires_at', '>', now)
      .where('seen_at', '>', now - IDLE_MS)
      .executeTakeFirst()
    if (!row) return undefined
    if (now - row.seen_at > 30_000)
      await this.#d.store.db
        .updateTable('operator_sessions')
        .set({ seen_at: now })
        .where('hash', '=', sessionHash)
        .execute()
    return { name: row.name, roles: JSON.parse(row.roles) as Role[], method: row.method, operator: row.id }
  }

  async signOut(cookie: string): Promise<void> {
    await this.#d.store.db.deleteFrom('operator_sessions').where('hash', '=', digest(cookie)).execute()
  }

  async endSessions(operatorId: string): Promise<void> {
    await this.#d.store.db.deleteFrom('operator_sessions').where('operator_id', '=', operatorId).execute()
  }

  /** Whether this person has the role now. */
  async is(name: string, role: Role): Promise<boolean> {
    const row = await this.find(name)
    return row?.status === 'active' && (JSON.parse(row.roles) as Role[]).includes(role)
  }

  /** How many people could confirm what needs two. */
  async countActive(role: Role): Promise<number> {
    return (await this.list()).filter(
      (row) => row.status === 'active' && (JSON.parse(row.roles) as Role[]).includes(role),
    ).length
  }

  async sweep(): Promise<void> {
    const now = this.#d.clock.now()
    await this.#d.store.db.deleteFrom('operator_sessions').where('expires_at', '<', now).execute()
    await this.#d.store.db.deleteFrom('sign_in_links').where('expires_at', '<', now).execute()
  }

  async #insert(
    name: string,
    roles: readonly Role[],
    subject: string | null,
    by: LogActor,
  ): Promise<OperatorRow> {
    if (!/^[^\p{C}\u2028\u2029]{2,200}$/u.test(name))
      refuse('REQUEST_MALFORMED', { detail: 'the name of a person has 2 to 200 printable characters' })
    const row: OperatorRow = {
      id: newId('opr'),
      name,
      roles: JSON.stringify(roles),
      status: 'active',
      subject,
      created_at: this.#d.clock.now(),
    }
    await this.#record('operator.added', by, { operator: name, roles: [...roles] })
    await this.#d.store.db.insertInto('operators').values(row).execute()
    return row
  }

  async #openSession(operatorId: string, method: 'link' | 'passkey' | 'oidc'): Promise<string> {
    const row = await this.#d.store.db
      .selectFrom('operators')
      .selectAll()
      .where('id', '=', operatorId)
      .executeTakeFirst()
    if (row?.status !== 'active') return refuse('SIGN_IN_REFUSED', { detail: 'the account is disabled' })
    if (method !== 'oidc') assertLocal(row)
    const cookie = secret()
    const now = this.#d.clock.now()
    await this.#record('operator.signed_in', { kind: 'operator', operator: row.name }, { method })
    await this.#d.store.db
      .insertInto('operator_sessions')
      .values({
        hash: digest(cookie),
        operator_id: operatorId,
        method,
        expires_at: now + LONGEST_MS,
        seen_at: now,
      })
      .execute()
    return cookie
  }

  async #record(
    type:
      | 'operator.added'
      | 'operator.changed'
      | 'operator.disabled'
      | 'operator.link_issued'
      | 'operator.signed_in',
    actor: LogActor,
    data: Parameters<Recorder['append']>[0]['data'],
  ): Promise<void> {
    await this.#d.recorder.append({ type, actor, data })
  }
}
