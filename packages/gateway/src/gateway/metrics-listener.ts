import { createServer } from 'node:http'
import { isIP } from 'node:net'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { Snapshot } from '../trace/metrics.ts'
import { refuseRequest } from './front.ts'
import { hostGuard } from './guard.ts'
import { closeNow, listen } from './listen.ts'

/**
 * `/metrics` on an address of its own. Whoever reaches it may read it, so it is loopback unless the operator says otherwise; web pages may not,
 * whatever name they came by.
 * @param place `host:port`
 */
export async function serveMetrics(options: {
  readonly place: string
  readonly hosts: readonly string[]
  snapshots(): Promise<readonly Snapshot[]>
  onBug(error: unknown): void
}): Promise<AsyncDisposable> {
  const { exposition } = await import('../trace/metrics.ts')
  const at = options.place.lastIndexOf(':')
  const host = options.place.slice(0, at).replace(/^\[|\]$/g, '')
  const guard = hostGuard({ hosts: [...options.hosts, host], origins: [] })
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (req, res) => {
    answer().catch((error: unknown) => {
      if (!(error instanceof Refusal)) options.onBug(error)
      refuseRequest(res, error instanceof Refusal ? error.reason : reason('INTERNAL'))
    })

    async function answer(): Promise<void> {
      // A page cannot come by an address that it does not know as a name.
      const name = (req.headers.host ?? '').replace(/:\d{1,5}$/, '').replace(/^\[|\]$/g, '')
      if (isIP(name) === 0 || req.headers.origin !== undefined) guard(req)
      if ((req.url ?? '').split('?', 1)[0] !== '/metrics' || req.method !== 'GET')
        throw new Refusal(reason('PATH_UNKNOWN'))
      const { text, type } = await exposition(await options.snapshots())
      res.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' })
      res.end(text)
    }
  })
  await listen(server, { host, port: Number(options.place.slice(at + 1)) }, 'telemetry.metrics.listen')
  return { [Symbol.asyncDispose]: () => closeNow(server) }
}
