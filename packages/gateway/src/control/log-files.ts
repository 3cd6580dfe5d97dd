import type { Context } from 'hono'
import { Hono } from 'hono'
import type { AuditLog } from '../audit/log.ts'
import { logFile } from '../audit/log-file.ts'
import { reason } from '../model/reasons.ts'
import { refusalAnswer } from './http-errors.ts'
import type { ControlEnv } from './session.ts'

export type Publish = 'none' | 'hashes' | 'all'

/** What may be kept for ever, for it never changes, and what changes every second (C2SP tlog-tiles). */
const IMMUTABLE = 'public, max-age=31536000, immutable'
const CHANGING = 'public, max-age=1'

/** The log's own files below `/log/`, as other implementations of the format read them. */
export function logFileRoutes({ log, publish }: { log: AuditLog; publish(): Publish }): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/log/*', async (c) => {
    const file = logFile(c.req.path.slice(c.req.path.indexOf('/log/') + '/log/'.length))
    const allowed = publish()
    if (!file || allowed === 'none' || (file.kind === 'entries' && allowed !== 'all'))
      return refusalAnswer(reason('PATH_UNKNOWN'))
    if (file.kind === 'checkpoint') {
      return answer(c, log.checkpoints.published(), 'text/plain; charset=utf-8', CHANGING)
    }
    const data = await log.file(file.path)
    if (!data) return refusalAnswer(reason('PATH_UNKNOWN'))
    return answer(c, data, 'application/octet-stream', IMMUTABLE)
  })
  app.all('/log/*', (c) => c.body(null, 405, { allow: 'GET, HEAD' }))
  return app
}

const answer = (c: Context, body: string | Buffer, type: string, cache: string) =>
  c.body(typeof body === 'string' ? body : new Uint8Array(body), 200, {
    'content-type': type,
    'cache-control': cache,
  })
