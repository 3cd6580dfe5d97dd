import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import type { AuditLog } from '../audit/log.ts'
import { refuse } from '../model/refusal.ts'
import { readNumber } from './input.ts'
import type { ControlEnv } from './session.ts'

export interface AuditApiDeps {
  readonly log: AuditLog
}

const MAX_PAGE = 1000

/** The log: PROOF. */
export function auditRoutes({ log }: AuditApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/audit', (c) => c.json({ size: log.size, vkey: log.vkey, checkpoint: log.checkpoint() }))
  app.get('/audit/entries', (c) => {
    const size = log.size
    const count = Math.min(readNumber(c.req.query('count'), 20), MAX_PAGE)
    const from = Math.max(0, readNumber(c.req.query('from'), size - count))
    c.header('content-type', 'application/x-ndjson')
    return stream(c, async (out) => {
      for await (const entry of log.entries(from, Math.min(size, from + count))) {
        await out.write(`${JSON.stringify({ index: entry.index, leaf: entry.leaf, ...entry.entry })}\n`)
      }
    })
  })
  app.get('/audit/entries/:index', async (c) => {
    const index = readNumber(c.req.param('index'), -1)
    if (index < 0 || index >= log.size) {
      refuse('REQUEST_MALFORMED', { detail: `the log has ${log.size} entries, the first is 0` })
    }
    const found = await log.read(index)
    return c.json({
      index: found.index,
      leaf: found.leaf,
      entry: found.entry,
      receipt: await log.receipt(index),
    })
  })
  return app
}
