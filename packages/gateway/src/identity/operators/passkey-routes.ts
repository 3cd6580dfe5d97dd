import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import { parseStrict } from '../../lib/strict-json.ts'
import { isObject } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import { relyingParty } from './passkeys.ts'
import type { SignInDeps } from './sign-in.ts'
import { assertOwnPage, cookieName, enter, sessionOf } from './sign-in.ts'

const CHALLENGE_MS = 5 * 60_000
const PURPOSE = 'passkey-challenge'

const Kept = z.object({ challenge: z.string(), until: z.number() })

/** Registering a passkey while signed in, and signing in with one. */
export function passkeyRoutes(deps: SignInDeps): Hono {
  const { issuer, passkeys, operators, sealer } = deps
  const rp = relyingParty(issuer)
  const app = new Hono()
  const cookie = cookieName(issuer, 'ostiary-passkey')
  const settings = {
    path: '/',
    httpOnly: true,
    secure: issuer.startsWith('https:'),
    sameSite: 'Strict',
  } as const

  const keep = (c: Context, challenge: string) =>
    setCookie(
      c,
      cookie,
      sealer.seal(PURPOSE, JSON.stringify({ challenge, until: deps.now() + CHALLENGE_MS })),
      {
        ...settings,
        maxAge: CHALLENGE_MS / 1000,
      },
    )
  /** Good once: the cookie goes with its first use, and the challenge is remembered as used. */
  const taken = (c: Context): string => {
    const text = getCookie(c, cookie)
    setCookie(c, cookie, '', { ...settings, maxAge: 0 })
    const plain = text === undefined ? undefined : sealer.open(PURPOSE, text)
    const kept = plain === undefined ? undefined : Kept.parse(JSON.parse(plain))
    if (!kept || kept.until < deps.now() || !deps.useOnce(`passkey|${kept.challenge}`))
      return refuse('SIGN_IN_REFUSED', { detail: 'the question is too old, or was answered before' })
    return kept.challenge
  }
  const body = async (c: Context) => {
    const { value } = parseStrict(new Uint8Array(await c.req.arrayBuffer()))
    return isObject(value) ? value : refuse('REQUEST_MALFORMED', { detail: 'the body must be an object' })
  }
  const signedIn = async (c: Context) => (await sessionOf(deps, c.req.raw)) ?? refuse('SIGN_IN_REQUIRED')

  app.post('/operators/passkeys/options', async (c) => {
    assertOwnPage(c)
    const options = await passkeys.registrationOptions(rp, await signedIn(c))
    keep(c, options.challenge)
    return c.json(options)
  })
  app.post('/operators/passkeys', async (c) => {
    assertOwnPage(c)
    const who = await signedIn(c)
    const response = (await body(c)) as unknown as RegistrationResponseJSON
    await passkeys.register(rp, who, response, taken(c))
    return c.json({ registered: true }, 201)
  })
  app.post('/operators/sign-in/passkey/options', async (c) => {
    assertOwnPage(c)
    const options = await passkeys.signInOptions(rp)
    keep(c, options.challenge)
    return c.json(options)
  })
  app.post('/operators/sign-in/passkey', async (c) => {
    assertOwnPage(c)
    const response = (await body(c)) as unknown as AuthenticationResponseJSON
    const operator = await passkeys.signIn(rp, response, taken(c))
    enter(deps, c, await operators.openByPasskey(operator))
    return c.json({ signed_in: true })
  })
  return app
}
