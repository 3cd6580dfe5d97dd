import type { KeyObject } from 'node:crypto'
import { sign } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { VerifierKey } from '@ostiary/evidence'
import { formatCheckpoint, formatVkey, parseCheckpoint, parseVkey } from '@ostiary/evidence'
import type { Files } from '../files.ts'
import { publicKeyOf, signingKey } from '../signing-key.ts'
import { Heads } from '../witness/heads.ts'
import { parseSubmission } from '../witness/submission.ts'
import { signatureLine } from './signer.ts'

const MAX_BODY = 8192

export interface SigningAnswer {
  readonly status: 200 | 400 | 409 | 422
  readonly body: string
}

/**
 * Holds the log's key apart from the gateway, under another account. It signs only what extends the head it signed last, so that whoever
 * takes over the gateway can add to the log and can neither rewrite nor fork it.
 */
export class SigningService {
  readonly vkey: string
  readonly #origin: string
  readonly #key: KeyObject
  readonly #self: VerifierKey
  readonly #heads: Heads

  /** `dir`: private folder with `log.key` and, below `heads/`, what was signed last. @throws NotPrivate */
  constructor(options: { dir: string; origin: string; files: Files }) {
    this.#origin = options.origin
    this.#key = signingKey(join(options.dir, 'log.key'))
    this.vkey = formatVkey(options.origin, publicKeyOf(this.#key))
    this.#self = parseVkey(this.vkey) as VerifierKey
    this.#heads = new Heads(options.files, join(options.dir, 'heads'))
  }

  /** The body is that of `add-checkpoint`, with a checkpoint that nobody has signed yet. */
  async sign(body: string): Promise<SigningAnswer> {
    const submission = parseSubmission(body)
    const checkpoint = submission && parseCheckpoint(submission.checkpoint)
    // Nothing is signed but a checkpoint in its one form: no further lines, no other log.
    if (
      checkpoint?.origin !== this.#origin ||
      formatCheckpoint(checkpoint) !== submission?.checkpoint ||
      submission.old > checkpoint.size
    )
      return { status: 400, body: 'the request is malformed\n' }
    const text = submission.checkpoint
    const result = await this.#heads.advance(
      checkpoint,
      submission,
      () => `${text}\n${signatureLine(this.#self, sign(null, Buffer.from(text), this.#key))}`,
    )
    if (result.is === 'conflict') return { status: 409, body: `${result.size}\n` }
    if (result.is === 'inconsistent')
      return { status: 422, body: 'the checkpoint is no extension of the last one\n' }
    return { status: 200, body: result.note }
  }
}

/** The service on a socket that the gateway's account may open. */
export function signingServer(service: SigningService, onBug: (error: unknown) => void): Server {
  return createServer({ maxHeaderSize: 8192, requestTimeout: 10_000 }, (req, res) => {
    handle(service, req, res).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') onBug(error)
      if (!res.headersSent) answer(res, 500, 'nothing was signed\n')
    })
  })
}

async function handle(service: SigningService, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { method, url } = req
  if (method === 'GET' && url === '/vkey') return answer(res, 200, `${service.vkey}\n`)
  if (method !== 'POST' || url !== '/sign') return answer(res, 404, 'there is nothing here\n')
  let body = ''
  for await (const chunk of req as AsyncIterable<Buffer>) {
    body += chunk.toString('latin1')
    if (body.length > MAX_BODY) return answer(res, 413, 'the request is too large\n')
  }
  const { status, body: text } = await service.sign(Buffer.from(body, 'latin1').toString('utf8'))
  answer(res, status, text)
}

function answer(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  res.end(body)
}
