import type { Context } from 'hono'
import { Hono } from 'hono'
import { z } from 'zod'
import type { Sealer } from '../../lib/sealed-token.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'
import { readForm } from '../authorization-server/form.ts'
import type { Clients } from './clients.ts'
import type { Codes, Consent } from './codes.ts'
import { consentHeaders, consentPage } from './consent-page.ts'
import { readQuery, readWanted, redirectTo, verifyClient } from './request.ts'

const ASKED_MS = 10 * 60_000
const PURPOSE = 'consent'

/** Who is signed in at this gateway, and where one signs in. */
export interface SignIn {
  sessionOf(request: Request): Promise<{ readonly name: string } | undefined>
  /** @param returnTo path and query of this gateway to come back to */
  url(returnTo: string): string
}

export interface AuthorizeDeps {
  readonly issuer: string
  readonly clients: Clients
  readonly codes: Codes
  readonly sealer: Sealer
  readonly signIn: SignIn
  now(): number
  /** Templates an agent may open, by its name. */
  templates(agent: string): readonly { readonly name: string; readonly purpose: string }[]
}

/** What the person was shown; sealed into the page and opened again with the answer, so that no other site can make one up. */
const Asked = z.object({
  person: z.string(),
  clientId: z.string(),
  agent: z.string(),
  redirectUri: z.string(),
  state: z.string().optional(),
  challenge: z.string(),
  jkt: z.string().optional(),
  only: z.string().optional(),
  until: z.number(),
})
type Asked = z.output<typeof Asked>

/** GET and POST /oauth/authorize: a signed-in person lets a client act for them, in one task. */
export function authorizeEndpoint(deps: AuthorizeDeps): Hono {
  const app = new Hono()
  app.get('/oauth/authorize', (c) => ask(deps, c))
  app.post('/oauth/authorize', (c) => decide(deps, c))
  app.post('/oauth/register', async (c) => {
    const { clientId, name, redirectUris } = await deps.clients.register(
      parseStrict(new Uint8Array(await c.req.arrayBuffer())).value,
    )
    return c.json(
      {
        client_id: clientId,
        client_id_issued_at: Math.floor(deps.now() / 1000),
        client_name: name,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
      201,
    )
  })
  return app
}

async function ask(deps: AuthorizeDeps, c: Context): Promise<Response> {
  const { search, searchParams } = new URL(c.req.url)
  const params = readQuery(searchParams)
  const request = await verifyClient(deps.clients, params)
  const wanted = readWanted(params, deps.issuer)
  const back = (answer: Record<string, string>) => c.redirect(redirectTo(request, deps.issuer, answer), 303)
  if ('error' in wanted) return back({ error: wanted.error, error_description: wanted.description })
  const session = await deps.signIn.sessionOf(c.req.raw)
  if (!session) {
    if (params.get('prompt') === 'none') return back({ error: 'login_required' })
    return c.redirect(deps.signIn.url(`/oauth/authorize${search}`), 303)
  }
  if (params.get('prompt') === 'none') return back({ error: 'consent_required' })
  const { metadata, agent } = request.client
  const { wish } = wanted
  const templates = deps.templates(agent).filter(({ name }) => wish === undefined || name === wish.template)
  if (templates.length === 0)
    return back({ error: 'access_denied', error_description: 'There is no task for this agent.' })
  const asked: Asked = {
    person: session.name,
    clientId: metadata.clientId,
    agent,
    redirectUri: request.redirectUri,
    state: request.state,
    challenge: wanted.challenge,
    jkt: wanted.jkt,
    only: wish?.template,
    until: deps.now() + ASKED_MS,
  }
  for (const [name, value] of Object.entries(consentHeaders(request.redirectUri))) c.header(name, value)
  const clientUrl = URL.parse(metadata.clientId)
  return await c.html(
    consentPage({
      person: session.name,
      clientName: metadata.name,
      clientHost: clientUrl ? clientUrl.host : 'an unknown place (it registered itself)',
      redirectHost: new URL(request.redirectUri).host || new URL(request.redirectUri).protocol,
      agent,
      templates,
      subject: wish?.subject ?? '',
      request: deps.sealer.seal(PURPOSE, JSON.stringify(asked)),
    }),
  )
}

async function decide(deps: AuthorizeDeps, c: Context): Promise<Response> {
  // A browser names the page a form came from; one from elsewhere is not the person's own answer.
  if (!['same-origin', undefined].includes(c.req.header('sec-fetch-site'))) refuse('CONSENT_INVALID')
  const form = await readForm(c)
  const session = await deps.signIn.sessionOf(c.req.raw)
  const asked = opened(deps, form.get('request') ?? '')
  if (!session || session.name !== asked.person) return refuse('CONSENT_INVALID')
  const back = (answer: Record<string, string>) =>
    c.redirect(redirectTo({ redirectUri: asked.redirectUri, state: asked.state }, deps.issuer, answer), 303)
  if (form.get('decision') !== 'allow') return back({ error: 'access_denied' })
  const template = form.get('template') ?? ''
  const isOffered = deps.templates(asked.agent).some(({ name }) => name === template)
  if (!isOffered || (asked.only !== undefined && asked.only !== template)) return refuse('CONSENT_INVALID')
  const subject = form.get('subject')?.trim()
  const consent: Consent = {
    clientId: asked.clientId,
    agent: asked.agent,
    person: asked.person,
    redirectUri: asked.redirectUri,
    challenge: asked.challenge,
    jkt: asked.jkt,
    wish: { template, ...(subject ? { subject } : {}) },
  }
  return back({ code: await deps.codes.issue(consent) })
}

/** @throws Refusal CONSENT_INVALID when it was not made here, or is too old */
function opened(deps: AuthorizeDeps, text: string): Asked {
  const plain = deps.sealer.open(PURPOSE, text)
  const asked = plain === undefined ? undefined : Asked.parse(JSON.parse(plain))
  if (!asked || asked.until < deps.now()) return refuse('CONSENT_INVALID')
  return asked
}
