import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelsSchema } from '../config/label-schema.ts'
import { describeFlow, toxicFlows } from './toxic.ts'

const PUBLIC = { integrity: 'trusted', confidentiality: 'public' }
const LABELS = LabelsSchema.parse({
  'mail/read': { effect: 'read', result: { integrity: 'untrusted', confidentiality: 'internal' } },
  'mail/send': { effect: 'egress', result: PUBLIC },
  'records/get': { effect: 'read', result: { integrity: 'trusted', confidentiality: 'phi' } },
  'records/delete': { effect: 'destructive', result: PUBLIC },
  'records/summary': { effect: 'read', result: { ...PUBLIC, confidential: ['diagnosis'] } },
  'web/news': { effect: 'read', result: { integrity: 'untrusted', confidentiality: 'public' } },
  'clock/now': { effect: 'read', result: PUBLIC },
})
const flows = (...tools: string[]) => toxicFlows(tools, LABELS).map(({ code, level }) => `${level} ${code}`)

test('TF001: untrusted text, private data and a way out in one task', () => {
  const [flow] = toxicFlows(['web/news', 'records/get', 'mail/send'], LABELS)
  assert.deepEqual(flow, {
    code: 'TF001',
    level: 'high',
    untrusted: ['web/news'],
    private: ['records/get'],
    sinks: ['mail/send'],
  })
  assert.match(
    describeFlow(flow),
    /^TF001: text from web\/news could have data from records\/get sent out by mail\/send$/,
  )
})

test('any one of the three left out, and there is no way', () => {
  assert.deepEqual(flows('records/get', 'mail/send'), [])
  assert.deepEqual(flows('web/news', 'mail/send'), [])
  assert.deepEqual(flows('web/news', 'records/get'), [])
  assert.deepEqual(flows('clock/now', 'mail/send'), [])
  assert.deepEqual(flows(), [])
})

test('what is internal only is a note; one confidential field is enough for more', () => {
  assert.deepEqual(flows('mail/read', 'mail/send'), ['note TF001'])
  assert.deepEqual(flows('web/news', 'records/summary', 'mail/send'), ['high TF001'])
})

test('TF002: untrusted text and something that destroys', () => {
  assert.deepEqual(flows('mail/read', 'records/delete'), ['high TF002'])
  assert.deepEqual(flows('records/get', 'records/delete'), [])
  const all = toxicFlows(['mail/read', 'records/get', 'mail/send', 'records/delete'], LABELS)
  assert.deepEqual(
    all.map(({ code }) => code),
    ['TF001', 'TF002'],
  )
})

test('a tool that nobody labelled counts as untrusted and as a way out, but not as one that has secrets', () => {
  assert.deepEqual(flows('new/tool'), ['note TF001'])
  assert.deepEqual(flows('new/tool', 'records/get'), ['high TF001'])
  assert.deepEqual(flows('new/tool', 'records/delete'), ['note TF001', 'high TF002'])
})

test('server/* has every labelled tool of the server, and one that may come', () => {
  const [first, second] = toxicFlows(['records/*'], LABELS)
  assert.deepEqual(first?.private, ['records/get', 'records/summary'])
  assert.deepEqual(first?.untrusted, ['records/*'])
  assert.equal(second?.code, 'TF002')
})
