import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalize } from '@ostiary/evidence'
import fc from 'fast-check'
import { OCSF_VERSIONS } from '../../config/sink-schema.ts'
import type { LogActor, LogType } from '../../model/evidence.ts'
import type { LogEntry } from '../entry.ts'
import type { StoredEntry } from '../log.ts'
import { sdValue, syslogMessage, word } from '../sinks/syslog-message.ts'
import { extensionValue, headerValue } from './cef.ts'
import type { Format } from './format.ts'
import { BRIEF_OCTETS } from './format.ts'
import { formats } from './index.ts'

const SOURCE = { origin: 'log.example.org', version: '0.1.0' }
const FORMATS: Record<string, Format> = {
  json: formats.json(SOURCE, { format: 'json', ocsf_version: '1.8.0' }),
  cef: formats.cef(SOURCE, { format: 'cef', ocsf_version: '1.8.0' }),
  ...Object.fromEntries(
    OCSF_VERSIONS.map((version) => [
      `ocsf ${version}`,
      formats.ocsf(SOURCE, { format: 'ocsf', ocsf_version: version }),
    ]),
  ),
}

const LINE_BREAKERS = [
  '\n',
  '\r',
  '\r\n',
  '\0',
  '\u0085',
  '\u2028',
  '\u2029',
  '\v',
  '\f',
  '\u202e',
  '\u001b[2J',
]
const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.constantFrom(
        '|',
        '\\',
        '=',
        '"',
        ']',
        '[',
        '<13>1 ',
        'CEF:0|',
        ' act=allowed',
        '🦉',
        '…',
        ...LINE_BREAKERS,
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join('').toWellFormed())

const actor: fc.Arbitrary<LogActor> = fc.oneof(
  fc.record({ kind: fc.constant('agent' as const), agent: nasty, instance: nasty }),
  fc.record({ kind: fc.constant('operator' as const), operator: nasty }),
  fc.constant({ kind: 'gateway' as const }),
)
const TYPES: LogType[] = [
  'call.intent',
  'call.denied',
  'call.outcome',
  'task.opened',
  'token.issued',
  'tool.quarantined',
  'lock.set',
  'gateway.started',
  'message.blocked',
  'signal.received',
]
const data = fc.record(
  {
    call: nasty,
    server: nasty,
    method: nasty,
    name: nasty,
    code: nasty,
    result: nasty,
    stage: fc.constantFrom('inspect', 'policy'),
    protocol: fc.constantFrom('mcp', 'llm'),
    why: nasty,
    bytes: fc.nat(),
    findings: fc.array(nasty, { maxLength: 3 }),
  },
  { requiredKeys: [] },
)
const stored: fc.Arbitrary<StoredEntry> = fc
  .record({ type: fc.constantFrom(...TYPES), actor, data, task: nasty, index: fc.nat() })
  .map(({ index, type, actor: who, data: what, task }) => ({
    index,
    leaf: Buffer.alloc(32, index).toString('base64'),
    entry: {
      v: 1,
      ts: 1_790_000_000_000,
      type,
      actor: who,
      task,
      data: what,
      trace: { id: 'a'.repeat(32), span: 'b'.repeat(16) },
    } as LogEntry,
  }))

const entryWith = (what: Record<string, string>): StoredEntry => ({
  index: 7,
  leaf: Buffer.alloc(32).toString('base64'),
  entry: {
    v: 1,
    ts: 1_790_000_000_000,
    type: 'call.denied',
    actor: { kind: 'agent', agent: 'bot', instance: 'ins_1' },
    data: { server: 'files', method: 'tools/call', code: 'LOCKED', ...what },
  },
})

for (const [name, format] of Object.entries(FORMATS)) {
  test(`${name}: whatever names hold, an event is one line in every reader’s eyes, and in brief it is short`, () => {
    fc.assert(
      fc.property(stored, (one) => {
        for (const line of [format.encode(one), format.brief(one)])
          assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        assert.ok(Buffer.byteLength(format.brief(one)) <= BRIEF_OCTETS)
      }),
    )
  })
}

test('json holds the entry itself: from the line its canonical bytes, and so its leaf, can be made again', () => {
  fc.assert(
    fc.property(stored, (one) => {
      const read = JSON.parse(FORMATS.json?.encode(one) as string) as { id: string; entry: LogEntry }
      assert.equal(read.id, `log.example.org#${one.index}`)
      assert.equal(canonicalize(read.entry as never), canonicalize(one.entry as never))
    }),
  )
})

/** Reads CEF by the letter: a pipe or an equals sign counts unless a backslash is before it. */
function readCef(line: string): { header: string[]; keys: string[] } {
  const header: string[] = []
  let field = ''
  let at = 0
  for (; header.length < 7; at++) {
    if (line[at] === '\\') field += line[++at]
    else if (line[at] === '|') {
      header.push(field)
      field = ''
    } else field += line[at]
    assert.ok(at < line.length, 'the header has no end')
  }
  const keys = [...line.slice(at).matchAll(/(?:^| )([A-Za-z0-9]+)=/g)].map(([, key = '']) => key)
  return { header, keys }
}

const CEF_KEYS = new Set(
  'rt externalId cs1Label cs1 cs2Label cs2 cs3Label cs3 cs4Label cs4 cs5Label cs5 suser suid destinationServiceName act outcome reason msg'.split(
    ' ',
  ),
)

test('an agent cannot forge a CEF field or a header by a name with pipes, equals signs, backslashes or ends of lines', () => {
  const format = FORMATS.cef as Format
  const line = format.encode(entryWith({ name: 'x|10|\nact=allowed outcome=success\\' }))
  assert.match(line, / cs4=x\|10\|\ufffdact\\=allowed outcome\\=success\\\\ /)
  fc.assert(
    fc.property(stored, (one) => {
      for (const text of [format.encode(one), format.brief(one)]) {
        const { header, keys } = readCef(text)
        assert.deepEqual(header.slice(0, 5), ['CEF:0', 'Ostiary', 'Ostiary', '0.1.0', one.entry.type])
        assert.equal(new Set(keys).size, keys.length, 'a key stands there twice')
        assert.deepEqual(
          keys.filter((key) => !CEF_KEYS.has(key)),
          [],
        )
      }
    }),
  )
})

test('the escapers can be undone: nothing is lost but what cannot be said', () => {
  const sayable = nasty.map((text) => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ''))
  fc.assert(
    fc.property(sayable, (text) => {
      assert.equal(headerValue(text).replace(/\\([\\|])/g, '$1'), text)
      assert.equal(extensionValue(text).replace(/\\([\\=])/g, '$1'), text)
      assert.equal(sdValue(text).replace(/\\(["\\\]])/g, '$1'), text)
    }),
  )
})

const SYSLOG =
  /^<1(0[4-9]|1[01])>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]{1,120} ostiary \d+ [!-~]{1,32} \[ostiary@32473 id="(?:[^"\\\]]|\\["\\\]])*" index="\d+" leaf="[A-Za-z0-9+/=]+"\] (.*)$/s

test('an agent cannot forge a second syslog message, and no message is longer than what a receiver must take', () => {
  fc.assert(
    fc.property(stored, nasty, fc.constantFrom(...Object.values(FORMATS)), (one, host, format) => {
      const message = syslogMessage(one, format, {
        origin: SOURCE.origin,
        host,
        process: 4711,
        maxOctets: 2048,
      })
      assert.ok(message.length <= 2048)
      const text = message.toString('utf8')
      assert.doesNotMatch(text, /[\n\r\0]/)
      const [, , body] = SYSLOG.exec(text) ?? assert.fail(`it is not RFC 5424: ${text.slice(0, 200)}`)
      assert.ok(body === format.encode(one) || body === format.brief(one))
    }),
  )
  const origin = `log.example.org/${'x'.repeat(400)}`
  const { ocsf } = formats
  const long = ocsf({ ...SOURCE, origin }, { format: 'ocsf', ocsf_version: '1.8.0' })
  const of = { origin, host: 'gw', process: 4711, maxOctets: 2048 }
  assert.equal(syslogMessage(entryWith({ name: 'x'.repeat(500) }), long, of).length, 2048)
  assert.equal(word('a b\nc', 3), 'abc')
  assert.equal(word('\n', 3), '-')
})
