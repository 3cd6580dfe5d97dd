import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Witness } from './witness.ts'

/** A checkpoint with sixteen signatures of the largest kind, and 63 lines of proof. */
const MAX_BODY = 128 * 1024

/** The witness over HTTP: submission and monitoring prefix are the same, and `/health` is for whoever runs it. */
export function witnessServer(witness: Witness, onBug: (error: unknown) => void): Server {
  return createServer(
    { maxHeaderSize: 8192, headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 75_000 },
    (req, res) => {
      handle(witness, req, res).catch((error: unknown) => {
        // A client that left in the middle of its request.
        if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') onBug(error)
        if (!res.headersSent) answer(res, 500, 'nothing was cosigned\n')
      })
    },
  )
}

async function handle(witness: Witness, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method, url = '' } = req
  if (url === '/add-checkpoint') {
    if (method !== 'POST') return answer(res, 405, 'POST a checkpoint\n')
    const body = await read(req)
    if (body === undefined) return answer(res, 413, 'the request is too large\n')
    const { status, type, body: text } = await witness.add(body)
    return answer(res, status, text, type)
  }
  if (method !== 'GET') return answer(res, 405, 'only GET\n')
  if (url === '/health') {
    const silent = witness.silent()
    return answer(res, silent.length > 0 ? 503 : 200, `${JSON.stringify({ silent })}\n`, 'application/json')
  }
  const hashed = /^\/([0-9a-f]{64})\/checkpoint$/.exec(url)?.[1]
  const note = hashed === undefined ? undefined : await witness.latest(hashed)
  if (note === undefined) return answer(res, 404, 'there is nothing here\n')
  answer(res, 200, note)
}

/** Undefined when it is larger than what is read. */
async function read(req: IncomingMessage): Promise<string | undefined> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) return undefined
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function answer(res: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  const { req } = res
  // The rest of a body that was refused is not waited for.
  if (!req.complete) res.on('finish', () => req.destroy())
  res.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    ...(req.complete ? {} : { connection: 'close' }),
  })
  res.end(body)
}
