import type { IncomingHttpHeaders } from 'node:http'
import type { ModelConfig } from '../../../config/schema.ts'
import { parseStrict } from '../../../lib/strict-json.ts'
import type { Action } from '../../../model/action.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import { refuse } from '../../../model/refusal.ts'
import type { Turns } from '../../exchange.ts'
import { contentDigest } from '../mcp/receive.ts'
import type { Codec, ModelRequest } from './codec.ts'
import type { InferenceEndpoint } from './endpoints.ts'
import { endpointOf, endpointsOf, queryFor } from './endpoints.ts'
import { passedHeaders } from './headers.ts'
import { codecs } from './index.ts'
import { withoutBypassing } from './request.ts'
import { mayAsk, refusedIn } from './rules.ts'

/** One HTTP request for a provider, as it came. */
export interface Arrived {
  readonly method: string
  readonly provider: string
  /** Below the provider. */
  readonly path: string
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What goes to the provider, and nothing else does. */
export interface Forwarded {
  readonly endpoint: InferenceEndpoint
  readonly codec: Codec
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonObject
}

export interface Received {
  readonly action: Action
  readonly turns: Turns
  /** Undefined when something stands against the request already. */
  readonly forwarded: Forwarded | undefined
  /** Told once it is known who asks. */
  readonly objection: Reason | undefined
}

const SILENCE: Turns = { person: [], untrusted: [] }

/**
 * Stage 1: bytes to Action. What nothing was found against is known in every member.
 * @throws Refusal for what no reader should interpret
 */
export function receive(arrived: Arrived, config: ModelConfig | undefined): Received {
  const { provider, method, path, body, headers } = arrived
  const endpoint = config && endpointOf(path, config.apis)
  const refused = (why: Reason): Received => ({
    action: actionFor(arrived, endpoint, undefined),
    turns: SILENCE,
    forwarded: undefined,
    objection: why,
  })
  if (!config) return refused(reason('MODEL_UNKNOWN', { model: provider.slice(0, 60) }))
  if (!endpoint)
    return refused(reason('MODEL_PATH_REFUSED', { model: provider, known: endpointsOf(config.apis) }))
  if (method !== 'POST') return refused(reason('HTTP_METHOD_REFUSED', { method: method.slice(0, 20) }))
  if (headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== 'application/json')
    refuse('CONTENT_TYPE_REFUSED')
  const { value } = parseStrict(body)
  if (!isObject(value)) return refuse('PARAMS_INVALID', { detail: 'the body must be an object' })
  const codec = codecs.find(({ api }) => api === endpoint.api) as Codec
  const request = codec.readRequest(value)
  const id = endpoint.model ?? request.model
  const query = queryFor(endpoint, arrived.query)
  return {
    action: actionFor(arrived, endpoint, id),
    turns: turnsOf(request),
    forwarded: {
      endpoint,
      codec,
      query: 'query' in query ? query.query : '',
      headers: passedHeaders(headers),
      body: withoutBypassing(value, request),
    },
    objection:
      'unknown' in query
        ? reason('MODEL_REQUEST_REFUSED', { member: query.unknown })
        : (wrongModel(provider, config, endpoint, request, id) ?? refusedIn(request, provider, config)),
  }
}

function wrongModel(
  provider: string,
  config: ModelConfig,
  endpoint: InferenceEndpoint,
  request: ModelRequest,
  id: string | undefined,
): Reason | undefined {
  if (id === undefined || id === '') return reason('PARAMS_INVALID', { detail: 'name the model' })
  // Which of two names counts is for the provider to say, so there must not be two.
  if (endpoint.model !== undefined && request.model !== undefined)
    return reason('PARAMS_INVALID', { detail: 'the model is named in the path already' })
  return mayAsk(config, id)
    ? undefined
    : reason('MODEL_NOT_ALLOWED', { model: provider, id: id.slice(0, 100) })
}

const actionFor = (
  { provider, method, body }: Arrived,
  endpoint: InferenceEndpoint | undefined,
  model: string | undefined,
): Action => ({
  protocol: 'llm',
  // Whoever goes away wants no answer.
  era: 'modern',
  server: provider,
  method: endpoint?.api ?? method.slice(0, 20),
  kind: 'model',
  name: model?.slice(0, 500),
  args: undefined,
  params: undefined,
  contentDigest: contentDigest(body),
  bytes: body.length,
})

function turnsOf({ parts }: ModelRequest): Turns {
  const texts = (standing: 'person' | 'untrusted') =>
    parts
      .filter((part) => part.standing === standing && (part.kind === 'text' || part.kind === 'data'))
      .map(({ text }) => text)
  return { person: texts('person'), untrusted: texts('untrusted') }
}
