import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Authority } from '../support/certificates.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { noRsyslog, Rsyslog } from '../support/rsyslog.ts'
import { HttpCollector } from '../support/sink-receivers.ts'
import { ToolServer } from '../support/tool-server.ts'

interface SinkView {
  readonly name: string
  readonly behind: { readonly entries: number; readonly ms: number }
  readonly overdue: boolean
  readonly problem?: string
}

const TASKS = {
  work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, lifetime: '1h', idle: '1h' },
}
const QUICK = { batch: { wait: '10ms' }, from: 'beginning' }

let tools: ToolServer
let dir: string

before(async () => {
  tools = await ToolServer.start()
  dir = mkdtempSync(join(tmpdir(), 'ostiary-sinks-'))
})
after(async () => {
  await tools[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const guarded = async (sinks: object): Promise<GuardedGateway> => {
  const gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: TASKS,
    audit: { sinks },
  })
  await gateway.approveAll('files')
  return gateway
}

const clientOf = async (gateway: GuardedGateway): Promise<RawClient> => {
  const client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
  return client
}

const sinkOf = async (gateway: GuardedGateway, name: string): Promise<SinkView> => {
  const { sinks } = await gateway.control<{ sinks: SinkView[] }>('GET', '/audit/sinks')
  return sinks.find((sink) => sink.name === name) ?? assert.fail(`no sink ${name}`)
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await isSo())) {
    assert.ok(performance.now() < end, 'it never comes about')
    await new Promise((tick) => setTimeout(tick, 20))
  }
}

const caughtUp = (gateway: GuardedGateway, name: string) =>
  until(async () => (await sinkOf(gateway, name)).behind.entries === 0)

const indexIn = (line: string): number => (JSON.parse(line) as { index: number }).index

/** Repeats aside, every entry in the order of the log. */
function assertWhole(lines: readonly string[], size: number): void {
  const first = [...new Set(lines.map(indexIn))]
  assert.deepEqual(first, [...Array(size).keys()].slice(0, first.length), 'out of order')
  assert.equal(first.length, size, 'entries are missing')
}

test('a sink that dies gets every entry when it is back, in order, and no call waits for it', async () => {
  await using collector = await HttpCollector.start()
  await using gateway = await guarded({ siem: { to: 'https', url: collector.url, ...QUICK } })
  await using client = await clientOf(gateway)
  await caughtUp(gateway, 'siem')
  await collector.stop()
  for (let n = 0; n < 30; n++) assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  await until(async () => (await sinkOf(gateway, 'siem')).problem !== undefined)
  const { behind } = await sinkOf(gateway, 'siem')
  assert.ok(behind.entries >= 50, 'what is behind is not shown')
  await collector.listen()
  await caughtUp(gateway, 'siem')
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  assertWhole(collector.lines, size)
  assert.match(gateway.errors(), /does not get every entry: the connection was refused/)
})

test('killed with kill -9 under load: every entry that was answered for comes at least once, in order', async () => {
  await using collector = await HttpCollector.start()
  const path = join(dir, 'killed.jsonl')
  await using gateway = await guarded({
    siem: { to: 'https', url: collector.url, ...QUICK },
    archive: { to: 'file', path, ...QUICK },
  })
  await using client = await clientOf(gateway)
  for (let round = 0; round < 3; round++) {
    const reached = collector.lines.length
    const calls = (async () => {
      for (;;) if (!(await client.call('echo', { text: 'x' }).catch(() => undefined))) return
    })()
    await until(async () => collector.lines.length > reached + 40)
    await gateway.kill('SIGKILL')
    await calls
    await gateway.start()
  }
  await caughtUp(gateway, 'siem')
  await caughtUp(gateway, 'archive')
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  assertWhole(collector.lines, size)
  assertWhole(readFileSync(path, 'utf8').trim().split('\n'), size)
})

test('a slow receiver and a dead one hold up neither calls nor each other', async () => {
  await using slow = await HttpCollector.start()
  await using well = await HttpCollector.start()
  const open: (() => void)[] = []
  slow.behave = (_req, res) => void open.push(() => res.end())
  await using gateway = await guarded({
    slow: { to: 'https', url: slow.url, ...QUICK },
    dead: { to: 'https', url: 'http://127.0.0.1:1/', ...QUICK },
    well: { to: 'https', url: well.url, ...QUICK },
  })
  await using client = await clientOf(gateway)
  for (let n = 0; n < 20; n++) assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  await caughtUp(gateway, 'well')
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  assertWhole(well.lines, size)
  assert.ok((await sinkOf(gateway, 'slow')).behind.entries > 0)
  assert.ok((await sinkOf(gateway, 'dead')).behind.entries > 0)
})

test('rsyslog over TLS, stopped and started again under calls: every entry is in its file, in order', {
  skip: noRsyslog,
}, async () => {
  const authority = await Authority.create('Collectors')
  writeFileSync(join(dir, 'ca.pem'), authority.cert)
  await using receiver = await Rsyslog.start({ authority, mode: 'anon' })
  const siem = {
    to: 'syslog',
    host: '127.0.0.1',
    port: receiver.port,
    ca: join(dir, 'ca.pem'),
    format: 'cef',
  }
  await using gateway = await guarded({ siem: { ...siem, ...QUICK } })
  await using client = await clientOf(gateway)
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 10; n++) assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
    await receiver.stop()
    for (let n = 0; n < 10; n++) assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
    await receiver.run()
  }
  await caughtUp(gateway, 'siem')
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  const read = await receiver.until(size)
  const first = [...new Set(read.map(({ id = '' }) => Number(id.split('#')[1])))]
  assert.deepEqual(first, [...Array(size).keys()])
})

test('a required sink that is too far behind refuses calls, says so, and lets them again when it has caught up', async () => {
  await using collector = await HttpCollector.start()
  await using gateway = await guarded({
    siem: {
      to: 'https',
      url: collector.url,
      required: true,
      max_behind: { entries: 20 },
      ...QUICK,
    },
  })
  await using client = await clientOf(gateway)
  await caughtUp(gateway, 'siem')
  collector.behave = (_req, res) => void res.writeHead(503).end()
  const reached = tools.calls.length
  let refused: string | undefined
  for (let n = 0; n < 40 && refused === undefined; n++)
    refused = (await client.call('echo', { text: 'x' })).code
  assert.equal(refused, 'SINK_BEHIND')
  const made = tools.calls.length
  assert.ok(made > reached, 'it refused before it was too far behind')
  assert.equal((await client.call('echo', { text: 'x' })).code, 'SINK_BEHIND')
  assert.equal(tools.calls.length, made, 'a refused call reached the server')
  assert.equal((await sinkOf(gateway, 'siem')).overdue, true)
  assert.match(gateway.errors(), /calls are refused: the sink is required/)
  collector.behave = undefined
  await caughtUp(gateway, 'siem')
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
})

test('a required sink still refuses after a restart: being behind is not forgotten', async () => {
  await using collector = await HttpCollector.start()
  await using gateway = await guarded({
    siem: { to: 'https', url: collector.url, required: true, max_behind: { entries: 10 }, ...QUICK },
  })
  await using client = await clientOf(gateway)
  await caughtUp(gateway, 'siem')
  await collector.stop()
  for (let n = 0; n < 20; n++) await client.call('echo', { text: 'x' })
  await gateway.kill('SIGKILL')
  await gateway.start()
  await client.initialize().catch(() => {})
  assert.equal((await client.call('echo', { text: 'x' })).code, 'SINK_BEHIND')
})

test('a hostile receiver gains nothing by an answer without end, a redirect, silence, or a connection that it drips into', async () => {
  await using other = await HttpCollector.start()
  await using collector = await HttpCollector.start()
  await using gateway = await guarded({
    siem: { to: 'https', url: collector.url, timeout: '500ms', ...QUICK },
  })
  await using client = await clientOf(gateway)
  await caughtUp(gateway, 'siem')
  const attacks: [RegExp, NonNullable<HttpCollector['behave']>][] = [
    [
      /larger than/,
      (_req, res) => {
        const pour = () => {
          while (!res.destroyed && res.write(Buffer.alloc(65_536, 'x'))) if (res.destroyed) return
        }
        res.on('drain', pour).on('error', () => {})
        pour()
      },
    ],
    [/redirect/, (_req, res) => void res.writeHead(307, { location: other.url }).end()],
    [/within 0.5 seconds/, () => {}],
    [
      /within 0.5 seconds/,
      (_req, res) => {
        res.writeHead(200, { 'content-length': '1000' })
        const drip = setInterval(() => res.write('x'), 50)
        res.on('close', () => clearInterval(drip))
      },
    ],
  ]
  for (const [problem, attack] of attacks) {
    collector.behave = attack
    assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
    await until(async () => problem.test((await sinkOf(gateway, 'siem')).problem ?? ''))
  }
  assert.equal(other.bodies.length, 0, 'entries followed a redirect')
  collector.behave = undefined
  await caughtUp(gateway, 'siem')
  assertWhole(collector.lines, (await gateway.control<{ size: number }>('GET', '/audit')).size)
})

test('sinks are added, changed and taken away without a restart; a new one begins where it is told to', async () => {
  await using first = await HttpCollector.start()
  await using second = await HttpCollector.start()
  await using gateway = await guarded({ first: { to: 'https', url: first.url, ...QUICK } })
  await using client = await clientOf(gateway)
  await caughtUp(gateway, 'first')
  const file = join(gateway.dir, 'ostiary.yaml')
  const config = JSON.parse(readFileSync(file, 'utf8')) as { audit: { sinks: object } }
  config.audit.sinks = { second: { to: 'https', url: second.url, batch: { wait: '10ms' }, from: 'now' } }
  const { size } = await gateway.control<{ size: number }>('GET', '/audit')
  writeFileSync(file, JSON.stringify(config))
  await gateway.control('POST', '/reload')
  const before = first.lines.length
  assert.equal((await client.call('echo', { text: 'x' })).code, undefined)
  await caughtUp(gateway, 'second')
  assert.equal(first.lines.length, before, 'the one that is gone still gets entries')
  const got = second.lines.map(indexIn)
  assert.ok((got[0] ?? 0) >= size, 'it got what was there before')
  assert.ok(got.length >= 2)
})
