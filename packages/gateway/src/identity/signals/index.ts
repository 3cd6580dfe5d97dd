import { Hono } from 'hono'
import type { SignalsConfig } from '../../config/signals-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Recorder } from '../../model/evidence.ts'
import type { Store } from '../../store/store.ts'
import { UniqueViolation } from '../../store/store.ts'
import type { Extension } from '../authorization-server/index.ts'
import type { KeySets } from '../federation/index.ts'
import { ACCOUNT_DISABLED, SET_TYP } from './events.ts'
import type { Signal } from './receive.ts'
import { readSet, SetRefused } from './receive.ts'

export { Outbox } from './outbox.ts'

/** A token that was taken is remembered for as long as it could be sent again. */
const REMEMBER_MS = 24 * 60 * 60_000

export interface SignalDeps {
  readonly issuer: string
  readonly store: Store
  readonly recorder: Recorder
  readonly clock: Clock
  readonly keySets: KeySets
  transmitters(): SignalsConfig['receive']
  /** The name of whom the organisation's provider calls this. */
  nameOf(subject: { readonly iss: string; readonly sub: string }): Promise<string | undefined>
  /** The person is to have no session, and nothing may act for them that they signed in for. */
  onSessionsRevoked(person: string): Promise<void>
  /** The account is gone: nobody answers for its agents any more. */
  onAccountDisabled(person: string): Promise<void>
}

/** POST /ssf/events: the push endpoint of a Shared Signals receiver (RFC 8935). */
export function signals(deps: SignalDeps): Extension {
  const app = new Hono()
  app.post('/ssf/events', async (c) => {
    c.header('cache-control', 'no-store')
    const refused = (error: SetRefused) => c.json({ err: error.err, description: error.message }, 400)
    const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
    if (type !== `application/${SET_TYP}`)
      return refused(new SetRefused('invalid_request', `the content type must be application/${SET_TYP}`))
    try {
      const signal = await readSet(await c.req.text(), {
        transmitters: deps.transmitters(),
        keySets: deps.keySets,
        issuer: deps.issuer,
        now: deps.clock.now(),
      })
      await take(deps, signal)
    } catch (error) {
      if (error instanceof SetRefused) return refused(error)
      throw error
    }
    return c.body(null, 202)
  })
  return { grants: {}, routes: [app], authMethods: () => [], metadata: () => ({}) }
}

/** The name by which a person is known here; somebody who never signed in here is nobody. */
async function personOf(deps: SignalDeps, subject: Signal['subject']): Promise<string | undefined> {
  if (subject?.format === 'iss_sub') return await deps.nameOf(subject)
  return subject?.email
}

/** Acts first and remembers afterwards, so that a crash between repeats it and loses nothing: both acts are safe to repeat. */
async function take(deps: SignalDeps, signal: Signal): Promise<void> {
  const id = `${signal.transmitter}|${signal.jti}`
  const known = await deps.store.db
    .selectFrom('signals_in')
    .select('id')
    .where('id', '=', id)
    .executeTakeFirst()
  if (known) return
  const person = await personOf(deps, signal.subject)
  await deps.recorder.append({
    type: 'signal.received',
    actor: { kind: 'gateway' },
    data: { from: signal.transmitter, events: signal.events, person: person ?? null },
  })
  if (person !== undefined && signal.events.length > 0) {
    await deps.onSessionsRevoked(person)
    if (signal.events.includes(ACCOUNT_DISABLED)) await deps.onAccountDisabled(person)
  }
  const now = deps.clock.now()
  try {
    await deps.store.transaction((tx) =>
      tx.insertInto('signals_in').values({ id, received_at: now }).execute(),
    )
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error
  }
  await deps.store.db
    .deleteFrom('signals_in')
    .where('received_at', '<', now - REMEMBER_MS)
    .execute()
}
