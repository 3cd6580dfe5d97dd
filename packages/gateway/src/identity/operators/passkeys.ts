import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { Clock } from '../../lib/clock.ts'
import type { Recorder } from '../../model/evidence.ts'
import { refuse } from '../../model/refusal.ts'
import type { Store } from '../../store/store.ts'
import type { OperatorSession } from './operators.ts'

const MAX_KEYS = 10

/** Where pages of this gateway run: a passkey belongs to that place and no other. */
export interface RelyingParty {
  readonly id: string
  readonly origin: string
}

/** WebAuthn takes names, not addresses; a browser on the same machine calls it localhost. */
export function relyingParty(issuer: string): RelyingParty {
  const url = new URL(issuer)
  if (url.hostname === '127.0.0.1' || url.hostname === '[::1]') url.hostname = 'localhost'
  return { id: url.hostname, origin: url.origin }
}

/** Passkeys of people (WebAuthn Level 3): registered while signed in, with user verification always. */
export class Passkeys {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock }

  constructor(deps: { store: Store; recorder: Recorder; clock: Clock }) {
    this.#d = deps
  }

  /** @throws Refusal TOO_MANY */
  async registrationOptions(rp: RelyingParty, who: OperatorSession) {
    if (who.method === 'oidc') refuse('SIGN_IN_BY_PROVIDER', { operator: who.name })
    const own = await this.#d.store.db
      .selectFrom('passkeys')
      .select('credential_id')
      .where('operator_id', '=', who.operator)
      .execute()
    if (own.length >= MAX_KEYS) refuse('TOO_MANY', { what: 'passkeys of one person', seconds: 0 })
    return await generateRegistrationOptions({
      rpName: 'Ostiary',
      rpID: rp.id,
      userName: who.name,
      userID: new TextEncoder().encode(who.operator),
      attestationType: 'none',
      excludeCredentials: own.map(({ credential_id }) => ({ id: credential_id })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    })
  }

  /** @throws Refusal SIGN_IN_REFUSED */
  async register(
    rp: RelyingParty,
    who: OperatorSession,
    response: RegistrationResponseJSON,
    challenge: string,
  ): Promise<void> {
    if (who.method === 'oidc') refuse('SIGN_IN_BY_PROVIDER', { operator: who.name })
    const result = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: rp.origin,
      expectedRPID: rp.id,
      requireUserVerification: true,
    }).catch(() => undefined)
    if (!result?.verified) return refuse('SIGN_IN_REFUSED', { detail: 'the passkey could not be verified' })
    const { credential } = result.registrationInfo
    await this.#d.recorder.append({
      type: 'operator.passkey_added',
      actor: { kind: 'operator', operator: who.name },
      data: { credential: credential.id.slice(0, 16) },
    })
    await this.#d.store.db
      .insertInto('passkeys')
      .values({
        credential_id: credential.id,
        operator_id: who.operator,
        public_key: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        created_at: this.#d.clock.now(),
        last_used_at: null,
      })
      .execute()
  }

  signInOptions(rp: RelyingParty) {
    return generateAuthenticationOptions({ rpID: rp.id, userVerification: 'required' })
  }

  /** @returns the operator. @throws Refusal SIGN_IN_REFUSED */
  async signIn(rp: RelyingParty, response: AuthenticationResponseJSON, challenge: string): Promise<string> {
    const row = await this.#d.store.db
      .selectFrom('passkeys')
      .selectAll()
      .where('credential_id', '=', String(response.id).slice(0, 500))
      .executeTakeFirst()
    const result =
      row &&
      (await verifyAuthenticationResponse({
        response,
        expectedChallenge: challenge,
        expectedOrigin: rp.origin,
        expectedRPID: rp.id,
        requireUserVerification: true,
        credential: {
          id: row.credential_id,
          publicKey: new Uint8Array(Buffer.from(row.public_key, 'base64url')),
          counter: row.counter,
        },
      }).catch(() => undefined))
    if (!row || !result?.verified)
      return refuse('SIGN_IN_REFUSED', { detail: 'the passkey is unknown or was not verified' })
    // A counter that does not grow is that of a copy; the library has checked it, and two at once do not both pass.
    const { numUpdatedRows } = await this.#d.store.db
      .updateTable('passkeys')
      .set({ counter: result.authenticationInfo.newCounter, last_used_at: this.#d.clock.now() })
      .where('credential_id', '=', row.credential_id)
      .where('counter', '=', row.counter)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) refuse('SIGN_IN_REFUSED', { detail: 'the passkey was used twice at once' })
    return row.operator_id
  }
}
