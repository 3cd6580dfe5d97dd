import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogActor } from '../model/evidence.ts'
import { historyOf } from './history.ts'
import type { StoredEntry } from './log.ts'

const agent = (name: string, instance = 'ins_1'): LogActor => ({ kind: 'agent', agent: name, instance })
const operator: LogActor = { kind: 'operator', operator: 'alice' }
const gateway: LogActor = { kind: 'gateway' }

const made: readonly (readonly [LogActor, object, string?])[] = [
  [operator, { agent: 'agt_a' }],
  [agent('agt_a'), { code: 1 }],
  [agent('agt_b', 'ins_9'), { code: 2 }],
  [gateway, { end: 'idle' }, 'tsk_a'],
  [gateway, { end: 'idle' }, 'tsk_b'],
  [operator, { scope: 'agent', target: 'agt_a' }],
  [operator, { instance: 'ins_1' }],
  [agent('agt_a', 'ins_2'), { code: 3 }],
]

const logOf = (entries: readonly (readonly [LogActor, object, string?])[]) => ({
  size: entries.length,
  async *entries(from: number, to = entries.length) {
    for (let index = from; index < to; index++) {
      const [actor, data, task] = entries[index] as (typeof entries)[number]
      yield {
        index,
        leaf: '',
        entry: { v: 1, ts: 0, type: 'x', actor, data, ...(task ? { task } : {}) },
      } as unknown as StoredEntry
    }
  },
})

const who = { agent: 'agt_a', instance: undefined, tasks: new Set(['tsk_a']) }
const indexes = async (page: ReturnType<typeof historyOf>) => (await page).entries.map(({ index }) => index)

test('a history holds what an identity did and what was done to it, and nothing of others', async () => {
  const log = logOf(made)
  assert.deepEqual(await indexes(historyOf(log, who, { count: 50, before: undefined })), [7, 5, 3, 1, 0])
  const one = { ...who, instance: 'ins_1' }
  assert.deepEqual(await indexes(historyOf(log, one, { count: 50, before: undefined })), [6, 1])
})

test('pages join without a gap or a repetition, however long the log is', async () => {
  const many = Array.from({ length: 3000 }, (_, i) => made[i % made.length] as (typeof made)[number])
  const log = logOf(many)
  const whole = await indexes(historyOf(log, who, { count: 5000, before: undefined }))
  const paged: number[] = []
  let before: number | undefined
  do {
    const page = await historyOf(log, who, { count: 7, before })
    paged.push(...page.entries.map(({ index }) => index))
    before = page.before
  } while (before !== undefined)
  assert.deepEqual(paged, whole)
  assert.equal(whole.length, (3000 / 8) * 5)
})
