import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Sink } from '../../packages/gateway/src/audit/delivery/sink.ts'
import { formats } from '../../packages/gateway/src/audit/formats/index.ts'
import type { StoredEntry } from '../../packages/gateway/src/audit/log.ts'
import { openSink } from '../../packages/gateway/src/audit/sinks/index.ts'
import { SinksSchema } from '../../packages/gateway/src/config/sink-schema.ts'
import { Secret } from '../../packages/gateway/src/lib/secret.ts'
import type { LogActor, LogType } from '../../packages/gateway/src/model/evidence.ts'
import { Authority } from '../support/certificates.ts'
import { noRsyslog, Rsyslog } from '../support/rsyslog.ts'
import { HttpCollector } from '../support/sink-receivers.ts'

/** What sinks send, read by implementations that are not ours. */

const PYTHON = process.env.OSTIARY_TEST_PYTHON
const noPython = PYTHON
  ? false
  : 'set OSTIARY_TEST_PYTHON to a folder with the packages that .ci/run installs'

const SOURCE = { origin: 'log.example.org', version: '0.1.0' }
const NAME = 'x|10|\nact=allowed <13>1 forged="]\\'

const AGENT: LogActor = { kind: 'agent', agent: 'bot', instance: 'ins_01' }
const PERSON: LogActor = { kind: 'operator', operator: 'alice@example.org' }
const GATEWAY: LogActor = { kind: 'gateway' }

const call = { call: 'cal_01', protocol: 'mcp', server: 'files', method: 'tools/call', name: NAME, bytes: 12 }
const EVENTS: readonly (readonly [LogType, LogActor, Record<string, unknown>])[] = [
  ['log.opened', GATEWAY, { origin: SOURCE.origin }],
  ['gateway.started', GATEWAY, { version: '0.1.0', host: 'gw' }],
  ['config.loaded', GATEWAY, { digest: 'abc' }],
  ['agent.added', PERSON, { agent: 'agt_01', name: 'bot', sponsor: 'alice@example.org' }],
  ['agent.suspended', PERSON, { agent: 'agt_01', name: 'bot' }],
  ['instance.enrolled', AGENT, { instance: 'ins_01' }],
  ['operator.signed_in', PERSON, {}],
  ['token.issued', AGENT, { jkt: 'abc', binding: 'dpop', expires_at: 1_790_000_300_000 }],
  ['token.refused', GATEWAY, { path: '/oauth/token', code: 'CODE_INVALID' }],
  ['task.opened', AGENT, { template: 'work', purpose: 'Test', on_behalf_of: null, vouched: 'nobody' }],
  ['task.refused', AGENT, { template: 'work', code: 'TASK_TEMPLATE_UNKNOWN' }],
  ['task.closed', GATEWAY, { end: 'done' }],
  ['lease.revoke_failed', GATEWAY, { lease: 'lse_01', server: 'files' }],
  ['tool.quarantined', GATEWAY, { server: 'files', name: NAME }],
  ['lock.set', PERSON, { lock: 'lck_01', scope: 'agent', target: 'bot', why: 'odd' }],
  ['secret.sealed', PERSON, { name: 'token' }],
  ['signal.received', GATEWAY, { from: 'idp', events: [], person: null }],
  ['call.intent', AGENT, call],
  ['call.intent', AGENT, { ...call, cost: { calls: 1, writes: 1 } }],
  ['call.intent', AGENT, { ...call, method: 'resources/read' }],
  ['process.started', GATEWAY, { process: 'prc_01', server: 'files' }],
  ['subject.erased', PERSON, {}],
  ['call.intent', AGENT, { ...call, protocol: 'llm', server: 'openai', method: 'chat', name: 'gpt-6' }],
  ['call.outcome', AGENT, { call: 'cal_01', intent: 17, result: 'ok', bytes: 3, ms: 4 }],
  [
    'call.outcome',
    AGENT,
    { call: 'cal_01', intent: 17, result: 'tool_error', bytes: 3, ms: 4, findings: ['secret'] },
  ],
  ['call.denied', AGENT, { ...call, code: 'GRANT_NO_TOOL', stage: 'grant' }],
  ['call.denied', AGENT, { ...call, code: 'FLOW_UNTRUSTED', stage: 'flow' }],
  [
    'content.transformed',
    GATEWAY,
    { call: 'cal_01', server: 'files', detectors: ['secrets'], what: ['key'], do: ['mask'], count: 1 },
  ],
  [
    'message.blocked',
    GATEWAY,
    { call: 'cal_01', server: 'files', method: 'sampling/createMessage', code: 'X' },
  ],
  ['of.tomorrow' as LogType, GATEWAY, { name: 'what this version does not know' }],
]
const ENTRIES = EVENTS.map(
  ([type, actor, data], index): StoredEntry => ({
    index,
    leaf: Buffer.alloc(32, index).toString('base64'),
    entry: {
      v: 1,
      ts: 1_790_000_000_000 + index,
      type,
      actor,
      task: 'tsk_01',
      data: data as never,
      ...(type.startsWith('call.') ? { trace: { id: 'a1'.repeat(16), span: 'b2'.repeat(8) } } : {}),
    } as StoredEntry['entry'],
  }),
)

let dir: string
let authority: Authority

before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ostiary-receivers-'))
  authority = await Authority.create('Collectors')
  writeFileSync(join(dir, 'ca.pem'), authority.cert)
})
after(() => rmSync(dir, { recursive: true, force: true }))

function python(mode: 'cef' | 'otlp' | 'ocsf', input: string | Buffer): unknown {
  const { status, stdout, stderr } = spawnSync('python3', ['conformance/support/sink-readers.py', mode], {
    input,
    env: { ...process.env, PYTHONPATH: PYTHON },
    maxBuffer: 1 << 26,
  })
  assert.equal(status, 0, stderr.toString())
  return JSON.parse(stdout.toString())
}

const sinkOf = (config: object, key = ''): Sink => {
  const { siem } = SinksSchema.parse({ siem: config })
  assert.ok(siem)
  const secret = async () => new Secret(key)
  return openSink(siem, { ...SOURCE, name: 'siem', dir, clock: { now: Date.now }, secret })
}

const soon = () => AbortSignal.timeout(20_000)

test('CEF is read by another parser as it was meant, names of tools with pipes and equals signs included', {
  skip: noPython,
}, () => {
  const cef = formats.cef(SOURCE, { format: 'cef', ocsf_version: '1.8.0' })
  const lines = ENTRIES.map((stored) => cef.encode(stored))
  const read = python('cef', lines.join('\n')) as Record<string, string>[]
  assert.equal(read.length, ENTRIES.length)
  for (const [i, fields] of read.entries()) {
    const stored = ENTRIES[i] as StoredEntry
    assert.equal(fields.DeviceVendor, 'Ostiary')
    assert.equal(fields.DeviceEventClassID, stored.entry.type)
    assert.equal(fields.externalId, `log.example.org#${i}`)
    assert.notEqual(fields.act, 'allowed', 'a field was forged')
    if (stored.entry.data.method === 'tools/call') assert.equal(fields.act, 'tools/call')
  }
})

test('every event is valid by the published OCSF schema, in each version that can be chosen', {
  skip: noPython,
}, () => {
  const events = (['1.3.0', '1.5.0', '1.8.0'] as const).flatMap((version) => {
    const ocsf = formats.ocsf(SOURCE, { format: 'ocsf', ocsf_version: version })
    return ENTRIES.flatMap((stored) => [ocsf.encode(stored), ocsf.brief(stored)]).map(
      (line) => JSON.parse(line) as OcsfEvent,
    )
  })
  const wanted = new Map(events.map((event) => [schemaOf(event), JSON.parse(schemaOf(event)) as unknown]))
  const published = python('ocsf', JSON.stringify([...wanted.values()])) as object[]
  const checks = new Map(
    [...wanted.keys()].map((key, i) => {
      // One each: schemas that differ by profiles have the same ids within.
      const ajv = new Ajv2020({
        strict: false,
        validateFormats: false,
        inlineRefs: false,
        code: { optimize: false },
      })
      return [key, ajv.compile(published[i] as object)]
    }),
  )
  for (const event of events) {
    const check = checks.get(schemaOf(event)) ?? assert.fail()
    const about = `${event.metadata.version} ${event.metadata.event_code}`
    assert.ok(check(event), `${about}: ${JSON.stringify(check.errors)}`)
  }
  assert.deepEqual(
    [...new Set(events.map(({ class_uid }) => class_uid))].sort(),
    [0, 2004, 3002, 3003, 3004, 6002, 6003],
  )
  const profiles = new Set(events.flatMap(({ metadata }) => metadata.profiles ?? []))
  assert.deepEqual([...profiles].sort(), ['ai_operation', 'host', 'security_control', 'trace'])
})

interface OcsfEvent {
  readonly class_uid: number
  readonly metadata: { readonly version: string; readonly event_code: string; readonly profiles?: string[] }
}

const schemaOf = ({ class_uid, metadata }: OcsfEvent): string =>
  JSON.stringify([metadata.version, class_uid, metadata.profiles ?? []])

interface OtlpRecord {
  readonly timeUnixNano: string
  readonly severityText: string
  readonly eventName: string
  readonly traceId?: string
  readonly spanId?: string
  readonly body: { readonly kvlistValue: { readonly values: { key: string }[] } }
  readonly attributes: { readonly key: string; readonly value: { readonly stringValue?: string } }[]
}

test('OTLP in protobuf is read by another implementation: time, severity, trace, the event id, the whole entry', {
  skip: noPython,
}, async () => {
  await using collector = await HttpCollector.start()
  const sink = sinkOf({ to: 'otlp', url: collector.url })
  await sink.deliver(ENTRIES, soon())
  await sink.close()
  const read = python('otlp', collector.bodies[0]?.body ?? '') as {
    resourceLogs: [{ resource: { attributes: object[] }; scopeLogs: [{ logRecords: OtlpRecord[] }] }]
  }
  const records = read.resourceLogs[0].scopeLogs[0].logRecords
  assert.equal(records.length, ENTRIES.length)
  for (const [i, record] of records.entries()) {
    const { entry } = ENTRIES[i] as StoredEntry
    const attribute = (name: string) => record.attributes.find(({ key }) => key === name)?.value.stringValue
    assert.equal(record.timeUnixNano, `${entry.ts}000000`)
    assert.equal(record.eventName, `ostiary.${entry.type}`)
    assert.equal(attribute('log.record.uid'), `log.example.org#${i}`)
    assert.deepEqual(record.body.kvlistValue.values.map(({ key }) => key).sort(), Object.keys(entry).sort())
    if (!entry.type.startsWith('call.')) continue
    assert.equal(Buffer.from(record.traceId ?? '', 'base64').toString('hex'), 'a1'.repeat(16))
    assert.equal(Buffer.from(record.spanId ?? '', 'base64').toString('hex'), 'b2'.repeat(8))
  }
})

test('an OTLP collector that takes only a part has not taken the batch', { skip: noPython }, async () => {
  await using collector = await HttpCollector.start()
  // ExportLogsServiceResponse { partial_success { rejected_log_records: 2 } }
  collector.behave = (_req, res) => void res.end(Buffer.from([0x0a, 0x02, 0x08, 0x02]))
  const sink = sinkOf({ to: 'otlp', url: collector.url })
  await assert.rejects(sink.deliver(ENTRIES, soon()), /refused 2 of/)
  await sink.close()
})

test('rsyslog takes the messages over TLS as what they are, and a name with a line break makes no second one', {
  skip: noRsyslog,
}, async () => {
  await using receiver = await Rsyslog.start({ authority, mode: 'anon' })
  for (const format of ['json', 'cef', 'ocsf'] as const) {
    const had = receiver.read().length
    const sink = sinkOf({
      to: 'syslog',
      host: '127.0.0.1',
      port: receiver.port,
      ca: 'ca.pem',
      format,
      max_octets: 8192,
    })
    await sink.deliver(ENTRIES, soon())
    const read = (await receiver.until(had + ENTRIES.length)).slice(had)
    assert.deepEqual(
      read.map(({ id, type, app, facility }) => ({ id, type, app, facility })),
      ENTRIES.map(({ index, entry }) => ({
        id: `log.example.org#${index}`,
        type: entry.type,
        app: 'ostiary',
        facility: '13',
      })),
    )
    const encoder = formats[format](SOURCE, { format, ocsf_version: '1.8.0' })
    assert.deepEqual(
      read.map(({ msg }) => msg),
      ENTRIES.map((stored) => encoder.encode(stored)),
    )
  }
})

test('a receiver whose certificate is not trusted gets nothing', { skip: noRsyslog }, async () => {
  await using receiver = await Rsyslog.start({ authority, mode: 'anon' })
  const other = await Authority.create('Others')
  writeFileSync(join(dir, 'other.pem'), other.cert)
  const sink = sinkOf({ to: 'syslog', host: '127.0.0.1', port: receiver.port, ca: 'other.pem' })
  await assert.rejects(sink.deliver(ENTRIES, soon()), /no TLS session that can be trusted/)
  assert.deepEqual(receiver.read(), [])
})

test('a receiver that refuses our certificate has taken nothing, and lets the right one in', {
  skip: noRsyslog,
}, async () => {
  await using receiver = await Rsyslog.start({ authority, mode: 'x509/certvalid' })
  const to = { to: 'syslog', host: '127.0.0.1', port: receiver.port, ca: 'ca.pem' }
  const withCertificateOf = async (issuer: Authority) => {
    const { cert, key } = await issuer.issue({ usage: 'client', dns: 'gateway.example' })
    writeFileSync(join(dir, 'client.pem'), cert)
    return sinkOf({ ...to, client: { cert: 'client.pem', key: { env: 'KEY' } } }, key)
  }
  await assert.rejects(sinkOf(to).deliver(ENTRIES, soon()))
  const stranger = await withCertificateOf(await Authority.create('Others'))
  await assert.rejects(stranger.deliver(ENTRIES, soon()))
  assert.deepEqual(receiver.read(), [])
  await (await withCertificateOf(authority)).deliver(ENTRIES, soon())
  assert.equal((await receiver.until(ENTRIES.length)).length, ENTRIES.length)
})
