import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelsSchema } from '../../config/label-schema.ts'
import { toxicFlowsResult } from './toxic-flows.ts'

const LABELS = LabelsSchema.parse({
  'mail/read': { effect: 'read' },
  'mail/send': { effect: 'egress' },
  'records/get': { effect: 'read', result: { integrity: 'trusted', confidentiality: 'phi' } },
})
const template = (...tools: string[]) => ({
  tools: Object.fromEntries(tools.map((tool) => [tool, null])),
  resources: [] as { server: string; uri: string }[],
})

test('a template that can be talked into sending records out is named; those that cannot are not', () => {
  const { status, saw } = toxicFlowsResult(
    {
      triage: template('mail/read', 'records/get', 'mail/send'),
      look: template('records/get'),
      mail: template('mail/*'),
    },
    LABELS,
  )
  assert.equal(status, 'warn')
  assert.match(saw, /^triage: TF001: text from mail\/read, mail\/send could have data from records\/get/)
  assert.doesNotMatch(saw, /look:|mail:/)
  assert.equal(toxicFlowsResult({ look: template('records/get') }, LABELS).status, 'ok')
})

test('a resource that may be read is text from anybody too', () => {
  const labels = LabelsSchema.parse({
    'mail/send': { effect: 'egress', result: { integrity: 'trusted', confidentiality: 'public' } },
    'records/get': { effect: 'read', result: { integrity: 'trusted', confidentiality: 'phi' } },
  })
  const closed = template('records/get', 'mail/send')
  assert.equal(toxicFlowsResult({ closed }, labels).status, 'ok')
  const open = { ...closed, resources: [{ server: 'web', uri: 'https://*' }] }
  assert.match(toxicFlowsResult({ open }, labels).saw, /^open: TF001: text from web#resources\/read/)
})
