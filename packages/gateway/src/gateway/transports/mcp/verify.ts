import { randomUUID } from 'node:crypto'
import type { Injection } from '../../../credentials/injection.ts'
import { parseReceived } from '../../../lib/strict-json.ts'
import type { Era } from '../../../model/action.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { refuse } from '../../../model/refusal.ts'
import type { Server } from '../../servers.ts'
import { definitionsIn } from './listing.ts'
import { META, MODERN_VERSIONS } from './methods.ts'
import type { UpstreamFailure } from './upstream.ts'

const MAX_PAGES = 50
const CLIENT_INFO = { name: 'ostiary', version: '0.1.0' }

/** Where the gateway asks on its own account: the caller's session with the server, so that it sees what the caller would. */
export interface Line {
  readonly server: Server
  readonly era: Era
  readonly session: string | undefined
  readonly version: string | undefined
  readonly injection: Injection
  readonly task: string
  readonly signal: AbortSignal
}

/** One request of the gateway itself; resolves with the `result`. @throws Refusal TOOL_UNVERIFIED or UPSTREAM_* */
export async function ask(
  line: Line,
  method: string,
  params: JsonObject,
): Promise<{ result: JsonObject; session: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ text: string; session: string | undefined }>()
  const id = `ostiary:${randomUUID()}`
  const modern = line.era === 'modern'
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id,
    method,
    params: modern
      ? {
          ...params,
          _meta: {
            [META.version]: MODERN_VERSIONS[0],
            [META.capabilities]: {},
            'io.modelcontextprotocol/clientInfo': CLIENT_INFO,
          },
        }
      : params,
  })
  let session = line.session
  let found: string | undefined
  line.server.upstream.send(
    {
      method: 'POST',
      body,
      id,
      era: line.era,
      opens: method === 'initialize',
      session: line.session,
      headers: modern
        ? { 'mcp-protocol-version': MODERN_VERSIONS[0] as string, 'mcp-method': method }
        : line.version === undefined
          ? {}
          : { 'mcp-protocol-version': line.version },
      injection: line.injection,
      task: line.task,
    },
    {
      head(head) {
        session = head.session ?? session
      },
      json: (text) => {
        found = text
      },
      event(event) {
        // Only the answer matters here; the caller's own stream carries notifications.
        if (event.data?.includes(id)) found = event.data
        return true
      },
      end(failure) {
        if (found !== undefined) resolve({ text: found, session })
        else reject(failure ?? { code: 'UPSTREAM_PROTOCOL', detail: 'it gave no answer' })
      },
    },
    line.signal,
  )
  const answer = await promise.catch((failure: UpstreamFailure) =>
    refuse('TOOL_UNVERIFIED', { tool: line.server.name, detail: explain(failure) }),
  )
  const value = parseReceived(answer.text)
  if (!isObject(value) || !isObject(value.result)) {
    return refuse('TOOL_UNVERIFIED', { tool: line.server.name, detail: rpcError(value) })
  }
  return { result: value.result, session: answer.session }
}

/** Every definition of one kind, page by page. */
export async function listAll(line: Line, kind: 'tool' | 'prompt'): Promise<readonly JsonObject[]> {
  const definitions: JsonObject[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const { result } = await ask(line, `${kind}s/list`, cursor === undefined ? {} : { cursor })
    definitions.push(...definitionsIn(result, `${kind}s`))
    if (typeof result.nextCursor !== 'string') return definitions
    cursor = result.nextCursor
  }
  return refuse('TOOL_UNVERIFIED', { tool: line.server.name, detail: 'its list has too many pages' })
}

const explain = (failure: UpstreamFailure): string =>
  'detail' in failure
    ? failure.detail
    : failure.code === 'UPSTREAM_TIMEOUT'
      ? 'it did not answer in time'
      : 'it was stopped'

function rpcError(value: unknown): string {
  const error = isObject(value) && isObject(value.error) ? value.error : {}
  return `it answered with error ${typeof error.code === 'number' ? error.code : 'unknown'}`
}
