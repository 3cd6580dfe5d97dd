import type { IncomingMessage } from 'node:http'
import { reason } from '../model/reasons.ts'
import { Refusal, refuse } from '../model/refusal.ts'

/**
 * Reads a whole request body.
 * @throws Refusal REQUEST_TOO_LARGE beyond `limit` bytes, REQUEST_TIMEOUT when it takes longer than `timeoutMs`
 */
export function readBody(req: IncomingMessage, limit: number, timeoutMs: number): Promise<Buffer> {
  const declared = Number(req.headers['content-length'] ?? 0)
  if (declared > limit) refuse('REQUEST_TOO_LARGE', { limit })
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  const timer = setTimeout(
    () => reject(new Refusal(reason('REQUEST_TIMEOUT', { seconds: Math.ceil(timeoutMs / 1000) }))),
    timeoutMs,
  )
  req.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > limit) {
      chunks.length = 0
      reject(new Refusal(reason('REQUEST_TOO_LARGE', { limit })))
    } else chunks.push(chunk)
  })
  req.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
  req.on('error', () => reject(new Refusal(reason('REQUEST_MALFORMED', { detail: 'the body broke off' }))))
  return promise.finally(() => clearTimeout(timer))
}
