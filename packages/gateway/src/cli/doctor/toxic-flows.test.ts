import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelsSchema } from '../../config/label-schema.ts'
import { toxicFlowsResult } from './toxic-flows.ts'

const LABELS = LabelsSchema.parse({
  'mail/read': { effect: 'read' },
  'mail/send': { effect: 'egress' },
  'records/get': { effect: 'read', result: { integrity: 'trusted', confidentiality: 'phi' } },
})
const template = (...tools: string[]) => ({ tools: Object.fromEntries(tools.map((tool) => [tool, null])) })

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
