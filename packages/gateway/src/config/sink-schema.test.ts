import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SinksSchema } from './sink-schema.ts'

const refused = (sink: object): string =>
  JSON.stringify(SinksSchema.safeParse({ siem: sink }).error?.issues ?? assert.fail('it was taken'))

test('a sink needs no more than where it goes', () => {
  for (const sink of [
    { to: 'stdout' },
    { to: 'file', path: 'log.jsonl' },
    { to: 'https', url: 'https://siem.example/collect' },
    { to: 'syslog', host: 'siem.example' },
    { to: 'otlp', url: 'https://collector.example/v1/logs' },
  ])
    assert.ok(SinksSchema.safeParse({ siem: sink }).success, sink.to)
})

test('what cannot work, or would put a secret into the file, is refused', () => {
  const https = { to: 'https', url: 'https://siem.example/collect' }
  assert.match(refused({ ...https, headers: { authorization: 'Splunk 1234' } }), /literal secrets/)
  assert.match(refused({ ...https, format: 'cef', body: 'array' }), /no JSON/)
  assert.match(refused({ ...https, retries: 3 }), /retries/)
  assert.match(refused({ to: 'syslog', host: 'siem.example', max_octets: 480 }), /2048/)
  assert.match(refused({ to: 'otlp', url: 'https://c.example', format: 'json' }), /format/)
  assert.match(JSON.stringify(SinksSchema.safeParse({ '../up': https }).error?.issues), /lower-case/)
})
