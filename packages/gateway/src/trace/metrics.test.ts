import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Capped } from './capped.ts'
import type { EndedCall } from './ended-call.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from './metric-catalogue.ts'
import { exposition, folded, Metrics } from './metrics.ts'
import { endedCall } from './testing.ts'

const call = (more: Partial<EndedCall> = {}): EndedCall => {
  const ended = endedCall(more)
  ended.trace.forwardedAt = 1
  return ended
}

const textOf = async (...all: Metrics[]): Promise<string> =>
  (await exposition(await Promise.all(all.map((metrics) => metrics.snapshot())))).text

test('however many tools, methods and servers there are, the series stay few and a scrape short', async () => {
  const metrics = new Metrics()
  const results = ['ok', 'error', 'tool_error', 'refused', 'failed', 'stopped', 'gone'] as const
  for (let i = 0; i < 3000; i++) {
    metrics.watch(
      call({
        name: `tool-${i}`,
        server: `server-${i % 150}`,
        method: `method-${i % 60}`,
        result: results[i % 7] as 'ok',
      }),
    )
  }
  const text = await textOf(metrics)
  const tools = new Set(text.match(/tool="tool-\d+"/g))
  assert.equal(tools.size, 100)
  assert.match(text, /tool="other"/)
  assert.ok(text.split('\n').length < 15_000)
})

test('what an agent wrote in a call that was denied makes no series', async () => {
  const metrics = new Metrics()
  for (let i = 0; i < 100; i++)
    metrics.watch(
      call({
        result: 'denied',
        code: 'TOOL_UNKNOWN',
        name: `evil-${i}`,
        server: `evil-${i}`,
        method: `evil-${i}`,
      }),
    )
  const text = await textOf(metrics)
  assert.ok(!text.includes('evil'))
  assert.match(
    text,
    /^ostiary_calls_total\{protocol="mcp",kind="tool",result="denied",code="TOOL_UNKNOWN"\} 100$/m,
  )
})

test('names of resources, which callers choose, are no labels', async () => {
  const metrics = new Metrics()
  metrics.watch(call({ kind: 'resource', method: 'resources/read', name: 'file:///patients/maria' }))
  assert.ok(!(await textOf(metrics)).includes('maria'))
})

test('the counts of a process that ended stay in the sum', async () => {
  const [one, two] = [new Metrics(), new Metrics()]
  one.watch(call())
  two.watch(call())
  const past = await folded([await one.snapshot()])
  const { text } = await exposition([past, await two.snapshot()])
  assert.match(text, /^ostiary_tool_calls_total\{.*\} 2$/m)
  assert.match(text, /^mcp_server_operation_duration_seconds_count\{.*\} 2$/m)
})

test('a gauge is read when somebody asks, one number or one for each value of its label', async () => {
  const metrics = new Metrics()
  let size = 1
  metrics.gauge('ostiary_log_entries', () => size)
  metrics.gauge('ostiary_sink_lag_entries', () => ({ siem: 3 }))
  size = 2
  const text = await textOf(metrics)
  assert.match(text, /^ostiary_log_entries 2$/m)
  assert.match(text, /^ostiary_sink_lag_entries\{sink="siem"\} 3$/m)
})

test('no metric has a label for an agent, a user, a session or a task', () => {
  for (const { labels } of Object.values({ ...COUNTERS, ...HISTOGRAMS, ...GAUGES }))
    for (const label of labels)
      assert.doesNotMatch(label, /agent|instance|user|subject|session|task|trace|uri/)
})

test('only what is vouched for takes a place among the known', () => {
  const names = new Capped(2)
  assert.equal(names.claimed('a'), 'other')
  assert.equal(names.vouched('a'), 'a')
  assert.equal(names.vouched('b'), 'b')
  assert.equal(names.vouched('c'), 'other')
  assert.equal(names.claimed('a'), 'a')
})
