import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../model/json.ts'
import type { Admission, Authority } from '../authority.ts'
import type { Exchange, Facts } from '../exchange.ts'
import { recordStage } from './record.ts'

/** What is asked of the authority for a call with this argument. */
async function admitted(patient: Json): Promise<Admission | string> {
  let asked: Admission | undefined
  const authority: Pick<Authority, 'admit'> = {
    async admit(admission) {
      asked = admission
      return { index: 0, leaf: '' }
    },
  }
  const stage = recordStage(authority as Authority, {
    keepsArguments: () => false,
    destination: () => undefined,
  })
  const action = {
    protocol: 'mcp',
    kind: 'tool',
    server: 'ehr',
    name: 'read',
    method: 'tools/call',
    args: { patient },
  }
  const facts = {
    principal: { agent: 'agt_1', instance: 'ins_1', chain: [] },
    task: { id: 'tsk_1' },
    grant: { id: 'grt_1', costs: {}, subjectArguments: ['patient'] },
    lineage: [],
    action,
  } as unknown as Facts
  const exchange = { id: 'cal_1', facts, trace: { logged: undefined } } as unknown as Exchange
  const { decision } = await stage.run(facts, exchange)
  return asked ?? String(decision.reasons[0]?.code)
}

test('a budget of subjects is not got around by naming many in one list', async () => {
  const one = (await admitted('ada')) as Admission
  assert.deepEqual(one.cost.subjects, ['"ada"'])
  const several = (await admitted(['ada', ['bob', 7], null])) as Admission
  assert.deepEqual(several.cost.subjects, ['"ada"', '"bob"', '7'])
  assert.equal(await admitted(Array.from({ length: 501 }, (_, n) => n)), 'BUDGET_SPENT')
})
