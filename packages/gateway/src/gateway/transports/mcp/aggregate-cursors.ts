import { replaceValue } from '../../../lib/json-splice.ts'
import type { Sealer } from '../../../lib/sealed-token.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { refuse } from '../../../model/refusal.ts'
import type { Part } from './aggregate-merge.ts'
import type { Received } from './receive.ts'

const PURPOSE = 'mcp-aggregate-cursor'

/** Cursors of the servers that have more pages, by server. */
type Cursors = Readonly<Record<string, string>>

/** The cursors a client sends back; undefined for a first page. @throws Refusal PARAMS_INVALID for one that is not ours */
export function readCursors(sealer: Sealer, { message, row }: Received): Cursors | undefined {
  const cursor = message.type === 'request' && row?.lists ? message.params?.cursor : undefined
  if (cursor === undefined) return undefined
  const state = typeof cursor === 'string' ? sealer.open(PURPOSE, cursor) : undefined
  return state === undefined
    ? refuse('PARAMS_INVALID', { detail: '`cursor` is not one of this list' })
    : (JSON.parse(state) as Cursors)
}

/** The same request with one server's own cursor. */
export function withCursor(received: Received, cursor: string | undefined): Received {
  if (cursor === undefined || received.message.type !== 'request') return received
  const text = replaceValue(received.text, ['params', 'cursor'], JSON.stringify(cursor))
  const params: JsonObject = { ...received.message.params, cursor }
  return { ...received, text, message: { ...received.message, params } } as Received
}

/** `nextCursor` for as long as one of the servers has more. */
export function nextCursor(sealer: Sealer, parts: readonly Part[]): { nextCursor?: string } {
  const cursors = parts.flatMap(({ server, result }) =>
    isObject(result) && typeof result.nextCursor === 'string' ? [[server, result.nextCursor]] : [],
  )
  return cursors.length === 0
    ? {}
    : { nextCursor: sealer.seal(PURPOSE, JSON.stringify(Object.fromEntries(cursors))) }
}
