import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import type { Contents } from '../audit/content/contents.ts'
import type { SinkState } from '../audit/delivery/deliveries.ts'
import type { Level } from '../audit/level.ts'
import type { AuditLog } from '../audit/log.ts'
import type { MirrorStatus } from '../audit/mirror/mirror.ts'
import { refuse } from '../model/refusal.ts'
import { readNumber } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface AuditApiDeps {
  readonly log: AuditLog
  readonly contents: Contents
  sinks(): readonly SinkState[]
  /** How far the log can be believed without believing this host. */
  level(): Promise<Level>
  /** Undefined where no second place is configured. */
  mirror(): (MirrorStatus & { readonly required: boolean }) | undefined
}

const MAX_PAGE = 1000

/** The log: PROOF. */
export function auditRoutes({ log, contents, level, sinks, mirror }: AuditApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  const indexIn = (text: string): number => {
    const index = readNumber(text, -1)
    if (index < 0 || index >= log.size) {
      refuse('REQUEST_MALFORMED', { detail: `the log has ${log.size} entries, the first is 0` })
    }
    return index
  }
  app.get('/audit/sinks', (c) => c.json({ sinks: sinks() }))
  app.get('/audit', async (c) =>
    c.json({ size: log.size, vkey: log.vkey, checkpoint: log.checkpoint(), level: await level() }),
  )
  app.get('/audit/mirror', (c) => c.json(mirror() ?? { state: 'none' }))
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
    const found = await log.read(indexIn(c.req.param('index')))
    return c.json({
      index: found.index,
      leaf: found.leaf,
      entry: found.entry,
      receipt: await log.receipt(found.index),
    })
  })
  /** What is sealed beside an entry. That somebody looked is recorded before they see it. */
  app.post('/audit/entries/:index/open', async (c) => {
    const index = indexIn(c.req.param('index'))
    const content = await contents.open(index)
    const { task, subjects, data } = (await log.read(index)).entry
    await log.append({
      type: 'content.opened',
      actor: by(c),
      ...(task === undefined ? {} : { task }),
      ...(subjects === undefined ? {} : { subjects }),
      data: { index, ...(data.call === undefined ? {} : { call: data.call }) },
    })
    return c.json({ index, content })
  })
  return app
}
