import type { ModelApi } from '../../../config/schema.ts'

/** An inference endpoint of a provider, as the path of a request names it. */
export interface InferenceEndpoint {
  readonly api: ModelApi
  readonly path: string
  /** Where the path says it and not the body. */
  readonly model: string | undefined
  /** Where the path says it and not the body. */
  readonly streams: boolean | undefined
}

/** What an official SDK asks for below its base address; it may have been given with the version or without. */
const ENDPOINTS: readonly (readonly [api: ModelApi, path: RegExp, shown: string])[] = [
  ['openai-chat', /^(?:\/v1)?\/chat\/completions$/, '/v1/chat/completions'],
  ['openai-responses', /^(?:\/v1)?\/responses$/, '/v1/responses'],
  ['anthropic-messages', /^(?:\/v1)?\/messages(?:\/count_tokens)?$/, '/v1/messages'],
  [
    'gemini',
    /^\/v1(?:beta|alpha)?\/models\/(?<model>[\w.-]{1,100}):(?<method>generateContent|streamGenerateContent)$/,
    '/v1/models/…:generateContent',
  ],
]

export function endpointOf(path: string, apis: readonly ModelApi[]): InferenceEndpoint | undefined {
  for (const [api, pattern] of ENDPOINTS) {
    const match = apis.includes(api) ? pattern.exec(path) : null
    if (!match) continue
    const { model, method } = match.groups ?? {}
    return { api, path, model, streams: method === undefined ? undefined : method.startsWith('stream') }
  }
  return undefined
}

/** For people. */
export const endpointsOf = (apis: readonly ModelApi[]): string =>
  ENDPOINTS.flatMap(([api, , shown]) => (apis.includes(api) ? [shown] : [])).join(', ')

/**
 * The query for the provider. A key in it stays here; a stream of Gemini's has to be one of events, which alone are read.
 * @returns the member that is not known, otherwise
 */
export function queryFor(
  { api, streams }: InferenceEndpoint,
  given: string,
): { readonly query: string } | { readonly unknown: string } {
  const asked = new URLSearchParams(given)
  const known = api === 'gemini' ? ['key', 'alt'] : api === 'anthropic-messages' ? ['beta'] : []
  for (const name of asked.keys()) if (!known.includes(name)) return { unknown: `?${name.slice(0, 40)}` }
  if (api === 'gemini' && streams === true)
    return asked.get('alt') === 'sse' ? { query: '?alt=sse' } : { unknown: 'a stream without ?alt=sse' }
  if (asked.has('alt') && asked.get('alt') !== 'json') return { unknown: '?alt' }
  return { query: asked.get('beta') === 'true' ? '?beta=true' : '' }
}
