import { refuse } from '../../model/refusal.ts'
import type { TaskWish } from '../authorization-server/context.ts'
import { readTaskDetail } from '../authorization-server/details.ts'
import { isRegistered } from './client-metadata.ts'
import type { Clients, KnownClient } from './clients.ts'

/** An authorization request whose client and redirect address are verified. */
export interface AuthorizationRequest {
  readonly client: KnownClient
  readonly redirectUri: string
  readonly state: string | undefined
}

/** What is wrong with the rest of it goes back to the client, by redirect (RFC 6749 section 4.1.2.1). */
export type Wanted =
  | { readonly challenge: string; readonly jkt: string | undefined; readonly wish: TaskWish | undefined }
  | { readonly error: string; readonly description: string }

const MAX_STATE = 2048
const S256 = /^[\w-]{43}$/

/** Each parameter once (RFC 6749 section 3.1). @throws Refusal REQUEST_MALFORMED */
export function readQuery(query: URLSearchParams): ReadonlyMap<string, string> {
  const params = new Map<string, string>()
  for (const [name, value] of query) {
    if (params.has(name)) refuse('REQUEST_MALFORMED', { detail: 'a parameter comes twice' })
    params.set(name, value)
  }
  return params
}

/**
 * Until this has passed, nothing is sent to an address that the request names (RFC 9700 section 4.1).
 * @throws Refusal CLIENT_*, REDIRECT_REFUSED
 */
export async function verifyClient(
  clients: Clients,
  params: ReadonlyMap<string, string>,
): Promise<AuthorizationRequest> {
  const client = await clients.get(params.get('client_id') ?? '')
  const asked = params.get('redirect_uri')
  if (asked === undefined || !isRegistered(client.metadata, asked)) return refuse('REDIRECT_REFUSED')
  const state = params.get('state')
  if (state !== undefined && state.length > MAX_STATE)
    refuse('REQUEST_MALFORMED', { detail: '`state` is too long' })
  return { client, redirectUri: asked, state }
}

export function readWanted(params: ReadonlyMap<string, string>, issuer: string): Wanted {
  const wrong = (error: string, description: string) => ({ error, description })
  if (params.get('response_type') !== 'code')
    return wrong('unsupported_response_type', 'Only `response_type=code` is supported.')
  if (params.has('request') || params.has('request_uri'))
    return wrong('request_not_supported', 'Request objects are not supported.')
  const challenge = params.get('code_challenge')
  // Without a challenge, or with `plain`, a code that leaks is as good as a token (RFC 9700 section 2.1.1).
  if (challenge === undefined || !S256.test(challenge) || params.get('code_challenge_method') !== 'S256')
    return wrong('invalid_request', 'PKCE with `code_challenge_method=S256` is required.')
  const resource = params.get('resource')
  if (resource !== undefined && resource !== issuer && !resource.startsWith(`${issuer}/`))
    return wrong('invalid_target', 'The `resource` is not part of this gateway.')
  const jkt = params.get('dpop_jkt')
  if (jkt !== undefined && !S256.test(jkt)) return wrong('invalid_request', '`dpop_jkt` is not a thumbprint.')
  const details = params.get('authorization_details')
  try {
    const asked = readTaskDetail(details)
    if (asked && 'task' in asked)
      return wrong('invalid_authorization_details', 'Ask for a template, not for a task that is open.')
    return { challenge, jkt, wish: asked?.wish }
  } catch {
    return wrong('invalid_authorization_details', 'The authorization_details cannot be read.')
  }
}

/** Where the answer goes, with `iss`, so that a client that talks to several servers cannot mix them up (RFC 9207). */
export function redirectTo(
  { redirectUri, state }: Pick<AuthorizationRequest, 'redirectUri' | 'state'>,
  issuer: string,
  answer: Readonly<Record<string, string>>,
): string {
  const url = new URL(redirectUri)
  for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value)
  if (state !== undefined) url.searchParams.set('state', state)
  url.searchParams.set('iss', issuer)
  return url.href
}
