import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Actor } from '../../model/principal.ts'
import type { Task } from '../../model/task.ts'
import { actOf } from '../authorization-server/introspect.ts'
import type { SigningKey } from './signing-keys.ts'

/** No token of ours is good for longer outside: it cannot be taken back there. */
export const OUTWARD_S = 60

export interface OutwardInput {
  readonly issuer: string
  /** The one server it is for. */
  readonly audience: string
  readonly task: Task
  readonly grant: string
  /** Who acts, the newest first. */
  readonly chain: readonly Actor[]
  readonly authorizationDetails: readonly object[]
  readonly status: { readonly idx: number; readonly uri: string }
  /** RFC 7638 thumbprint of the key that has to be proved with it. */
  readonly jkt?: string
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * A JWT by which this gateway tells one upstream who acts, for whom, in which task (RFC 9068 profile; `act` of RFC 8693 section 4.1; `txn`
 * of RFC 8417). `sub` is the accountable person. It never is, and never holds, the token the agent has.
 */
export function mintOutward(key: SigningKey, input: OutwardInput): Promise<string> {
  const { task, chain } = input
  const issuedAt = Math.floor(input.now / 1000)
  return new SignJWT({
    client_id: chain.at(-1)?.agent ?? task.agent,
    act: actOf(chain),
    task: task.id,
    grant: input.grant,
    txn: task.txn,
    purpose: task.purpose,
    vouched: task.vouched,
    ...(task.subject === undefined ? {} : { subject: task.subject }),
    authorization_details: input.authorizationDetails,
    ...confirmation(input.jkt),
    status: { status_list: input.status },
  })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
    .setIssuer(input.issuer)
    .setAudience(input.audience)
    .setSubject(task.onBehalfOf)
    .setIssuedAt(issuedAt)
    .setExpirationTime(Math.min(issuedAt + OUTWARD_S, Math.floor(task.expiresAt / 1000)))
    .setJti(randomUUID())
    .sign(key.key)
}

/** By which the gateway itself asks an upstream what it offers: on behalf of nobody, for nothing else. */
export function mintOwn(
  key: SigningKey,
  { issuer, audience, jkt, now }: Pick<OutwardInput, 'issuer' | 'audience' | 'jkt' | 'now'>,
): Promise<string> {
  const issuedAt = Math.floor(now / 1000)
  return new SignJWT({
    client_id: issuer,
    purpose: 'discovery',
    authorization_details: [],
    ...confirmation(jkt),
  })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(issuer)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + OUTWARD_S)
    .setJti(randomUUID())
    .sign(key.key)
}

/** RFC 7800, RFC 9449 section 6.1. */
const confirmation = (jkt: string | undefined) => (jkt === undefined ? {} : { cnf: { jkt } })
