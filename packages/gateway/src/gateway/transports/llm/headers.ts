import type { IncomingHttpHeaders } from 'node:http'
import type { Handling } from '../../../firewall/handling.ts'
import type { Scanner } from '../../../firewall/scanner.ts'

/** What of a request the provider is meant to see; keys that an SDK puts in, real or not, are not among it. */
const PASSED = /^(?:anthropic-(?:version|beta)|openai-(?:beta|organization|project))$/
/** What of an answer says something to the client: which request it was, and how many more are allowed. */
const RETURNED =
  /^(?:request-id|x-request-id|retry-after|retry-after-ms|(?:anthropic|x)-ratelimit-[a-z-]{1,60}|openai-(?:processing-ms|version))$/
const PLAIN = /^[\w .,:;=+/@-]{1,200}$/

type Headers = Readonly<Record<string, string>>

const chosen = (headers: IncomingHttpHeaders, names: RegExp): Headers =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      names.test(name) && typeof value === 'string' && PLAIN.test(value) ? [[name, value]] : [],
    ),
  )

export const passedHeaders = (headers: IncomingHttpHeaders): Headers => chosen(headers, PASSED)

/** Headers are content too. */
export function returnedHeaders(
  headers: IncomingHttpHeaders,
  { scanner, handling }: { readonly scanner: Scanner; readonly handling: Handling | undefined },
): Headers {
  const returned = chosen(headers, RETURNED)
  return scanner.scan(returned, 'in', { handling }).decision.verdict.kind === 'allow' ? returned : {}
}
