import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exposition, Metrics } from '../../trace/metrics.ts'
import { FleetMetrics } from './fleet-metrics.ts'

test('workers that end at the same time take none of what they counted with them', async () => {
  const members = [1, 2, 3].map((key) => {
    const metrics = new Metrics()
    metrics.onUnread('BODY_TOO_LARGE')
    return { key: { key }, ask: () => metrics.snapshot() }
  })
  const fleet = new FleetMetrics(() => members)
  await fleet.snapshots()
  const keys = members.splice(0).map(({ key }) => key)
  await Promise.all(keys.map((key) => fleet.ended(key)))
  const { text } = await exposition(await fleet.snapshots())
  assert.match(text, /^ostiary_unread_total\{code="BODY_TOO_LARGE"\} 3$/m)
})
