import assert from 'node:assert/strict'
import { test } from 'node:test'
import { event, LogBench, MemoryDisk } from '../testing.ts'
import { heartbeat } from './heartbeat.ts'

test('an idle log beats once in an interval, and a busy one not at all', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  using bench = new LogBench()
  const log = await bench.open(new MemoryDisk())
  using _beat = heartbeat(log, 1000)
  const types = async () => {
    // Until what was appended is durable.
    await log.publish()
    const found: string[] = []
    for await (const { entry } of log.entries(1)) found.push(entry.type)
    return found
  }
  const beaten = async (count: number) => {
    while (log.size < count) await new Promise((resolve) => setImmediate(resolve))
  }
  t.mock.timers.tick(1000)
  await beaten(2)
  t.mock.timers.tick(1000)
  await beaten(3)
  assert.deepEqual(await types(), ['log.heartbeat', 'log.heartbeat'])
  await log.append(event(1))
  t.mock.timers.tick(1000)
  assert.deepEqual(await types(), ['log.heartbeat', 'log.heartbeat', 'call.intent'])
  t.mock.timers.tick(1000)
  await beaten(5)
  assert.equal((await types()).length, 4)
  await log.close()
})
