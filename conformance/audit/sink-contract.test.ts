import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Sink } from '../../packages/gateway/src/audit/delivery/sink.ts'
import { json } from '../../packages/gateway/src/audit/formats/json.ts'
import type { StoredEntry } from '../../packages/gateway/src/audit/log.ts'
import { fileSink } from '../../packages/gateway/src/audit/sinks/file.ts'
import { openSink } from '../../packages/gateway/src/audit/sinks/index.ts'
import { stdoutSink } from '../../packages/gateway/src/audit/sinks/stdout.ts'
import { SinksSchema } from '../../packages/gateway/src/config/sink-schema.ts'
import { Secret } from '../../packages/gateway/src/lib/secret.ts'
import { Authority, type Issued } from '../support/certificates.ts'
import { frames, HttpCollector, SyslogCollector } from '../support/sink-receivers.ts'

const ORIGIN = 'log.example.org'
const SECRET = 'Splunk not-to-be-seen'
const SPOKEN = 'what the other side says'

let dir: string
let identity: Issued
let now = Date.UTC(2026, 10, 25, 12)

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ostiary-sinks-'))
  const authority = await Authority.create('Collectors')
  identity = await authority.issue({ usage: 'server' })
  writeFileSync(join(dir, 'ca.pem'), authority.cert)
})
after(() => rmSync(dir, { recursive: true, force: true }))

const entries = (from: number, count: number): StoredEntry[] =>
  Array.from({ length: count }, (_, i) => ({
    index: from + i,
    leaf: Buffer.alloc(32, from + i).toString('base64'),
    entry: {
      v: 1,
      ts: 1_790_000_000_000 + from + i,
      type: 'call.denied',
      actor: { kind: 'agent', agent: 'bot', instance: 'ins_1' },
      data: { server: 'files', method: 'tools/call', name: 'read', code: 'LOCKED' },
    },
  }))
const ids = (from: number, count: number) => entries(from, count).map(({ index }) => `${ORIGIN}#${index}`)

type Fails = 'before' | 'after'

/** A sink at work on the other side of which is something real. */
interface Bench {
  readonly sink: Sink
  /** Ids of what is held there, in order; repeats included. */
  held(): string[]
  /** The next delivery fails before anything was taken, or after all of it was. */
  fail(when: Fails): void
  /** Nothing is answered any more. */
  hang(): void
  dispose(): Promise<void>
}

const deps = () => ({
  name: 'siem',
  origin: ORIGIN,
  version: '0.1.0',
  dir,
  clock: { now: () => now },
  secret: async () => new Secret(SECRET),
})

const sinkOf = (config: object): Sink => {
  const parsed = SinksSchema.parse({ siem: config }).siem
  assert.ok(parsed)
  return openSink(parsed, deps())
}

async function overHttp(config: object, read: (body: Buffer) => string[]): Promise<Bench> {
  const collector = await HttpCollector.start()
  const sink = sinkOf({ url: collector.url, headers: { Authorization: { env: 'TOKEN' } }, ...config })
  return {
    sink,
    held: () => collector.bodies.flatMap(({ body }) => read(body)),
    fail(when) {
      collector.behave = (_req, res, keep) => {
        collector.behave = undefined
        if (when === 'after') keep()
        res.writeHead(503).end(SPOKEN)
      }
    },
    hang() {
      collector.behave = () => {}
    },
    async dispose() {
      await sink.close()
      await collector[Symbol.asyncDispose]()
    },
  }
}

const idIn = (line: string): string => (JSON.parse(line) as { id: string }).id

async function overSyslog(): Promise<Bench> {
  const collector = await SyslogCollector.start(identity)
  const sink = sinkOf({ to: 'syslog', host: '127.0.0.1', port: collector.port, ca: 'ca.pem' })
  return {
    sink,
    held: () => collector.messages.map((message) => /\bid="([^"]+)"/.exec(message)?.[1] ?? message),
    fail(when) {
      collector.behave = (socket) => {
        collector.behave = undefined
        if (when === 'before') return void socket.destroy()
        const chunks: Buffer[] = []
        socket.on('data', (chunk: Buffer) => chunks.push(chunk))
        socket.on('end', () => {
          collector.messages.push(...frames(Buffer.concat(chunks)))
          // What is left when it dies: the connection ends, the session does not.
          socket.destroy()
        })
      }
    },
    hang() {
      collector.behave = (socket) => void socket.pause()
    },
    async dispose() {
      await sink.close()
      await collector[Symbol.asyncDispose]()
    },
  }
}

/** Operations of the file that fail, persisted or not. */
async function overFile(operation: 'write' | 'datasync'): Promise<Bench> {
  const folder = mkdtempSync(join(dir, 'file-'))
  const path = join(folder, 'log.jsonl')
  let fails: Fails | undefined
  let isHanging = false
  const openHandle = (async (...args: Parameters<typeof open>) => {
    const handle = await open(...args)
    return new Proxy(handle, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...given: unknown[]) => {
          const when = name === operation ? fails : undefined
          if (when !== undefined) fails = undefined
          if (when !== 'before') {
            // A write that is cut in the middle of a line.
            const [data, ...rest] = given
            const part = when === 'after' && name === 'write' ? [(data as Buffer).subarray(0, 333)] : given
            const result: unknown = await Reflect.apply(
              value,
              target,
              when === 'after' ? part : [data, ...rest],
            )
            if (when === undefined) return result
          }
          throw Object.assign(new Error('EIO'), { code: 'EIO' })
        }
      },
    }) as FileHandle
  }) as typeof open
  const sink = fileSink({ path, rotate: { megabytes: 1, daily: true } }, json(deps()), {
    ...deps(),
    openHandle,
  })
  return {
    sink: {
      ...sink,
      deliver: (batch, signal) => (isHanging ? aborted(signal) : sink.deliver(batch, signal)),
    },
    held: () =>
      readdirSync(folder)
        .sort()
        .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean).map(idIn)),
    fail(when) {
      fails = when
    },
    hang() {
      isHanging = true
    },
    dispose: () => sink.close(),
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

/** A pipe that fills up, is read slowly, or breaks. */
async function overStdout(): Promise<Bench> {
  let written = ''
  let fails: Fails | undefined
  let isHanging = false
  const sink = stdoutSink(json(deps()), async (_fd, data) => {
    if (isHanging) await new Promise(() => {})
    const when = fails
    fails = undefined
    const part = data.subarray(0, 500)
    if (when !== 'before') written += Buffer.from(part).toString()
    if (when !== undefined) throw Object.assign(new Error('EPIPE'), { code: 'EPIPE' })
    return { bytesWritten: part.length }
  })
  return {
    sink,
    held: () =>
      written
        .split('\n')
        .filter(Boolean)
        .flatMap((line) => [...line.matchAll(/"id":"([^"]+)"/g)].map(([, id = '']) => id)),
    fail(when) {
      fails = when
    },
    hang() {
      isHanging = true
    },
    dispose: () => sink.close(),
  }
}

interface OtlpJson {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly attributes: { key: string; value: { stringValue?: string } }[]
      }[]
    }[]
  }[]
}

const otlpIds = (body: Buffer): string[] =>
  (JSON.parse(body.toString()) as OtlpJson).resourceLogs
    .flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))
    .map(({ attributes }) => attributes.find(({ key }) => key === 'log.record.uid')?.value.stringValue ?? '')

const BENCHES: Record<string, () => Promise<Bench>> = {
  'a file whose writes fail': () => overFile('write'),
  'a file whose flushes fail': () => overFile('datasync'),
  'standard output': overStdout,
  'https, lines': () => overHttp({ to: 'https' }, (body) => body.toString().trim().split('\n').map(idIn)),
  'https, array': () =>
    overHttp({ to: 'https', body: 'array' }, (body) =>
      (JSON.parse(body.toString()) as { id: string }[]).map(({ id }) => id),
    ),
  'https, splunk': () =>
    overHttp({ to: 'https', body: 'splunk' }, (body) =>
      body
        .toString()
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { event: { id: string } }).event.id),
    ),
  syslog: overSyslog,
  otlp: () => overHttp({ to: 'otlp', encoding: 'json' }, otlpIds),
}

const never = () => new AbortController().signal

for (const [name, start] of Object.entries(BENCHES)) {
  test(`${name}: what was delivered is held there, in order, under its id`, async () => {
    const bench = await start()
    try {
      await bench.sink.deliver(entries(0, 3), never())
      await bench.sink.deliver(entries(3, 2), never())
      assert.deepEqual(bench.held(), ids(0, 5))
    } finally {
      await bench.dispose()
    }
  })

  for (const when of ['before', 'after'] as const) {
    test(`${name}: a delivery that fails ${when} it was taken rejects, and made again nothing is lost and the order kept`, async () => {
      const bench = await start()
      try {
        await bench.sink.deliver(entries(0, 2), never())
        bench.fail(when)
        await assert.rejects(bench.sink.deliver(entries(2, 3), never()), (error: Error) => {
          assert.doesNotMatch(String(error), /not-to-be-seen|what the other side says/)
          return true
        })
        await bench.sink.deliver(entries(2, 3), never())
        await bench.sink.deliver(entries(5, 2), never())
        assert.deepEqual([...new Set(bench.held())], ids(0, 7))
      } finally {
        await bench.dispose()
      }
    })
  }

  test(`${name}: a delivery that hangs ends with its signal`, async () => {
    const bench = await start()
    try {
      bench.hang()
      const abort = new AbortController()
      const delivery = assert.rejects(bench.sink.deliver(entries(0, 1), abort.signal))
      setImmediate(() => abort.abort())
      await delivery
    } finally {
      await bench.dispose()
    }
  })
}

test('a collector is spoken to over TLS that is verified, in plain only on this machine, and a secret goes to no other', async () => {
  const asked: (string | undefined)[] = []
  const server = createServer(identity, (req, res) => {
    asked.push(req.headers.authorization)
    req.resume().on('end', () => res.end())
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const to = (config: object) =>
    sinkOf({ to: 'https', headers: { authorization: { env: 'TOKEN' } }, ...config })
  try {
    await assert.rejects(to({ url }).deliver(entries(0, 1), never()), /certificate was refused/)
    await assert.rejects(to({ url: 'http://siem.example/' }).deliver(entries(0, 1), never()), /not https/)
    assert.deepEqual(asked, [])
    const trusted = to({ url, ca: 'ca.pem' })
    await trusted.deliver(entries(0, 1), never())
    await trusted.close()
    assert.deepEqual(asked, [SECRET])
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a syslog receiver whose certificate is for another name gets nothing', async () => {
  await using collector = await SyslogCollector.start(identity)
  const sink = sinkOf({ to: 'syslog', host: 'localhost', port: collector.port, ca: 'ca.pem' })
  await assert.rejects(
    sink.deliver(entries(0, 1), never()),
    /can be trusted came about \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  )
  assert.deepEqual(collector.messages, [])
})

test('a syslog receiver that talks without end, drips, or ends the session by itself has taken nothing and holds up nothing', async () => {
  await using collector = await SyslogCollector.start(identity)
  const sink = sinkOf({ to: 'syslog', host: '127.0.0.1', port: collector.port, ca: 'ca.pem' })
  const attacks: [RegExp, (socket: Socket) => void][] = [
    [/it sends data/, (socket) => void socket.write(Buffer.alloc(1 << 20))],
    [/ended the session before/, (socket) => void socket.end()],
    [
      /in time/,
      (socket) => {
        const drip = setInterval(() => socket.write('x'), 20)
        socket.on('close', () => clearInterval(drip))
      },
    ],
  ]
  for (const [problem, attack] of attacks) {
    collector.behave = attack
    await assert.rejects(sink.deliver(entries(0, 2), AbortSignal.timeout(500)), problem)
  }
  assert.deepEqual(collector.messages, [])
})

test('a file is set aside when it is full and on a new day; no name is taken twice and nothing is lost', async () => {
  const folder = mkdtempSync(join(dir, 'rotated-'))
  const path = join(folder, 'log.jsonl')
  const begin = () => fileSink({ path, rotate: { megabytes: 1, daily: true } }, json(deps()), deps())
  const sink = begin()
  const big = entries(0, 2).map((stored) => ({
    ...stored,
    entry: { ...stored.entry, data: { name: 'x'.repeat(600_000) } },
  }))
  await sink.deliver(big, never())
  await sink.deliver(entries(2, 1), never())
  now += 86_400_000
  await sink.deliver(entries(3, 1), never())
  await sink.close()
  // The same again, as after a crash before the place was kept.
  now += 86_400_000
  const again = begin()
  await again.deliver(entries(3, 1), never())
  await again.close()
  const names = readdirSync(folder).sort()
  assert.deepEqual(names, [
    'log.000000000002.jsonl',
    'log.000000000003-1.jsonl',
    'log.000000000003.jsonl',
    'log.jsonl',
  ])
  const held = names.flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n').map(idIn))
  assert.deepEqual([...new Set(held)].sort(), ids(0, 4))
})

test('a line that a crash cut off is taken away before the next is written', async () => {
  const folder = mkdtempSync(join(dir, 'torn-'))
  const path = join(folder, 'log.jsonl')
  const whole = entries(0, 1).map((stored) => json(deps()).encode(stored))
  writeFileSync(path, `${whole[0]}\n{"id":"log.example.org#1","ind`)
  const sink = fileSink({ path, rotate: { megabytes: 1, daily: false } }, json(deps()), deps())
  await sink.deliver(entries(1, 1), never())
  await sink.close()
  assert.deepEqual(readFileSync(path, 'utf8').trim().split('\n').map(idIn), ids(0, 2))
})

test('a file without one whole line, perhaps somebody else’s, is put aside and not emptied', async () => {
  const folder = mkdtempSync(join(dir, 'foreign-'))
  const path = join(folder, 'notes.txt')
  writeFileSync(path, 'not a log')
  const sink = fileSink({ path, rotate: { megabytes: 1, daily: false } }, json(deps()), deps())
  await sink.deliver(entries(0, 1), never())
  await sink.close()
  assert.equal(readFileSync(join(folder, 'notes.000000000000.txt'), 'utf8'), 'not a log')
  assert.deepEqual(readFileSync(path, 'utf8').trim().split('\n').map(idIn), ids(0, 1))
})
