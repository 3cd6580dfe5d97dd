import type { Context } from 'hono'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { Sealer } from '../../lib/sealed-token.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'
import type { OidcSignIn, Pending } from './oidc.ts'
import type { OperatorSession, Operators } from './operators.ts'
import type { Passkeys } from './passkeys.ts'
import { PAGE_HEADERS, SIGN_IN_SCRIPT, signInPage } from './sign-in-page.ts'

const PENDING_MS = 10 * 60_000
const PURPOSE = 'operator-sign-in'
const SESSION = 'ostiary-session'

export interface SignInDeps {
  readonly issuer: string
  readonly operators: Operators
  readonly sealer: Sealer
  readonly provider: OidcSignIn | undefined
  readonly passkeys: Passkeys
  /** The replay memory of this machine: true the first time. */
  useOnce(key: string): boolean
  now(): number
}

const Link = z.strictObject({ code: z.string().min(10).max(100) })
const Kept = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  until: z.number(),
})

const isSecure = (issuer: string): boolean => issuer.startsWith('https:')
/** With https the browser itself keeps other hosts and paths from setting it (RFC 6265bis `__Host-`). */
export const cookieName = (issuer: string, name: string): string =>
  isSecure(issuer) ? `__Host-${name}` : name

/** Only a path of this gateway: anything else would make the sign-in a redirector. */
const localPath = (text: string | undefined): string =>
  text !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(text) && text.length < 4096 ? text : '/operators/me'

/** Sign-in and sign-out of people, below /operators/. */
export function signInRoutes(deps: SignInDeps): Hono {
  const { issuer, operators, sealer, provider } = deps
  const app = new Hono()
  const cookie = { path: '/', httpOnly: true, secure: isSecure(issuer), sameSite: 'Lax' } as const
  const sessionCookie = cookieName(issuer, SESSION)
  const pendingCookie = cookieName(issuer, 'ostiary-sign-in')
  app.get('/operators/sign-in', (c) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value)
    return c.html(
      signInPage({ returnTo: localPath(c.req.query('return_to')), hasProvider: provider !== undefined }),
    )
  })
  app.get('/operators/sign-in.js', (c) =>
    c.body(SIGN_IN_SCRIPT, 200, { 'content-type': 'text/javascript', 'x-content-type-options': 'nosniff' }),
  )
  app.post('/operators/sign-in/link', async (c) => {
    assertOwnPage(c)
    const input = Link.safeParse(parseStrict(new Uint8Array(await c.req.arrayBuffer())).value)
    if (!input.success) return refuse('SIGN_IN_REFUSED', { detail: 'the link is incomplete' })
    enter(deps, c, await operators.redeemLink(input.data.code))
    return c.json({ signed_in: true })
  })
  app.get('/operators/sign-in/provider', async (c) => {
    if (!provider) return refuse('PATH_UNKNOWN')
    const { url, pending } = await provider.start(localPath(c.req.query('return_to')))
    const kept = JSON.stringify({ ...pending, until: deps.now() + PENDING_MS })
    setCookie(c, pendingCookie, sealer.seal(PURPOSE, kept), { ...cookie, maxAge: PENDING_MS / 1000 })
    return c.redirect(url, 303)
  })
  app.get('/operators/sign-in/callback', async (c) => {
    const pending = keptOf(deps, getCookie(c, pendingCookie))
    setCookie(c, pendingCookie, '', { ...cookie, maxAge: 0 })
    if (!provider || !pending)
      return refuse('SIGN_IN_REFUSED', { detail: 'this browser did not start it, or too long ago' })
    const person = await provider.finish(new URL(c.req.url).search, pending)
    enter(deps, c, await operators.signedIn(person))
    return c.redirect(localPath(pending.returnTo), 303)
  })
  app.get('/operators/me', async (c) => {
    const session = await sessionOf(deps, c.req.raw)
    if (!session) return refuse('SIGN_IN_REQUIRED')
    return c.json({ name: session.name, roles: session.roles, method: session.method })
  })
  app.post('/operators/sign-out', async (c) => {
    assertOwnPage(c)
    const value = getCookie(c, sessionCookie)
    if (value !== undefined) await operators.signOut(value)
    setCookie(c, sessionCookie, '', { ...cookie, maxAge: 0 })
    return c.body(null, 204)
  })
  return app
}

/** A session from before the sign-in is not taken over: its value is replaced. */
export const enter = ({ issuer }: Pick<SignInDeps, 'issuer'>, c: Context, session: string): void =>
  setCookie(c, cookieName(issuer, SESSION), session, {
    path: '/',
    httpOnly: true,
    secure: isSecure(issuer),
    sameSite: 'Lax',
    maxAge: 8 * 60 * 60,
  })

/** Who sent a request, by its session cookie. */
export async function sessionOf(
  { issuer, operators }: Pick<SignInDeps, 'issuer' | 'operators'>,
  request: Request,
): Promise<OperatorSession | undefined> {
  const name = cookieName(issuer, SESSION)
  const values = (request.headers.get('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  // Two of one name: somebody who could set one for this host wants theirs to be taken.
  const [value] = values
  return value === undefined || values.length > 1 ? undefined : await operators.session(value)
}

/** A page of another site can make a browser send a request with its cookie, but not one that says it came from here. */
export function assertOwnPage(c: Context): void {
  const site = c.req.header('sec-fetch-site')
  const type = c.req.header('content-type')?.split(';', 1)[0]?.trim()
  // A form cannot send this type, and a script of another site would have to ask first, and is told no.
  if ((site !== undefined && site !== 'same-origin') || type !== 'application/json')
    refuse('CROSS_SITE_REFUSED')
}

function keptOf({ sealer, now }: SignInDeps, text: string | undefined): Pending | undefined {
  const plain = text === undefined ? undefined : sealer.open(PURPOSE, text)
  const kept = plain === undefined ? undefined : Kept.parse(JSON.parse(plain))
  return kept && kept.until > now() ? kept : undefined
}
