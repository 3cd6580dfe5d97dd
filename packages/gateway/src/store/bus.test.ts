import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Bus, BusEvent } from './bus.ts'
import { BusUnavailable, LEASE_MS } from './bus.ts'
import { localBus } from './local-bus.ts'
import { postgresBus } from './postgres-bus.ts'
import { StoreUnavailable } from './store.ts'
import type { TestStore } from './testing.ts'
import { postgresStore, run, withoutPostgres } from './testing.ts'
import { Wire } from './testing-wire.ts'

const LOCK: BusEvent = { topic: 'locks', id: 'lck_1' }
const nothing = async () => {}

/** Waits for something that other processes do; the test's time limit is the end of patience. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setImmediate(next))
}

/** What every bus has to do. `replicas` gives two ends of one bus, which may be the same. */
function busContract(name: string, replicas: () => Promise<readonly [Bus, Bus]>): void {
  describe(`a bus ${name}`, () => {
    let here: Bus
    let there: Bus

    before(async () => {
      ;[here, there] = await replicas()
    })

    after(async () => {
      await here?.[Symbol.asyncDispose]()
      await there?.[Symbol.asyncDispose]()
    })

    test('is alive from the start', () => {
      assert.ok(here.alive() && there.alive())
    })

    test('has applied an event in its own process, once and to the end, when publish resolves', async () => {
      let applied = 0
      const stop = here.subscribe(async () => {
        await new Promise((next) => setImmediate(next))
        applied++
      }, nothing)
      await here.publish(LOCK)
      assert.equal(applied, 1)
      await here.publish(LOCK)
      assert.equal(applied, 2, 'its own event came back to it')
      stop()
    })

    test('brings every event to the other end once and in order, and none after the subscription ended', async () => {
      const seen: BusEvent[] = []
      const stop = there.subscribe((event) => {
        if (event.topic === 'task') seen.push(event)
      }, nothing)
      const sent = Array.from({ length: 50 }, (_, n) => ({ topic: 'task', id: `tsk_${n} “é”` }) as const)
      for (const event of sent) await here.publish(event)
      await until(() => seen.length >= sent.length)
      assert.deepEqual(seen, sent)
      stop()
      await here.publish(LOCK)
      assert.equal(seen.length, sent.length)
    })

    test('is dead once disposed', async () => {
      await there[Symbol.asyncDispose]()
      assert.equal(there.alive(), false)
    })
  })
}

busContract('in one process', async () => {
  const bus = localBus()
  return [bus, bus]
})

const skip = withoutPostgres()
if (skip) test('the bus over PostgreSQL keeps its contract and fails closed', { skip }, () => {})
else overPostgres()

function overPostgres(): void {
  let place: TestStore
  before(async () => {
    place = await postgresStore()
  })
  after(() => place?.dispose())

  busContract('over PostgreSQL', async () => [
    await postgresBus({ url: place.location }),
    await postgresBus({ url: place.location }),
  ])

  describe('a bus over PostgreSQL', () => {
    test('turns dead when its lease is over, though a silent server reports no error', async () => {
      await using wire = await Wire.to(place.location)
      let skew = 0
      await using bus = await postgresBus({ url: wire.url, monotonic: () => performance.now() + skew })
      wire.freeze()
      assert.ok(bus.alive())
      skew = LEASE_MS
      assert.equal(bus.alive(), false)
    })

    test('replaces a connection that has fallen silent', async () => {
      await using wire = await Wire.to(place.location)
      await using bus = await postgresBus({ url: wire.url })
      let gaps = 0
      bus.subscribe(
        () => {},
        async () => void gaps++,
      )
      wire.freeze()
      await until(() => !bus.alive())
      await until(() => bus.alive())
      assert.equal(gaps, 1)
    })

    test('after an outage, listens, then lets every subscriber catch up, and only then is alive', async () => {
      await using wire = await Wire.to(place.location)
      await using bus = await postgresBus({ url: wire.url })
      await using other = await postgresBus({ url: place.location })
      const seen: string[] = []
      const [inGap, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      bus.subscribe(
        (event) => void seen.push(event.id),
        async () => {
          inGap.resolve()
          await finish.promise
        },
      )
      wire.cut()
      await until(() => !bus.alive())
      await other.publish({ topic: 'locks', id: 'missed' })
      wire.mend()
      await inGap.promise
      await other.publish({ topic: 'locks', id: 'during the gap' })
      assert.equal(bus.alive(), false, 'it is alive before its subscribers have caught up')
      finish.resolve()
      await until(() => bus.alive())
      assert.deepEqual(seen, ['during the gap'], 'what came while it caught up must not be lost')
    })

    test('stays dead while a subscriber cannot catch up, and tries again', async () => {
      await using wire = await Wire.to(place.location)
      await using bus = await postgresBus({ url: wire.url })
      let tries = 0
      bus.subscribe(
        () => {},
        async () => {
          assert.equal(bus.alive(), false)
          if (++tries < 3) throw new Error('the store is not back yet')
        },
      )
      wire.cut()
      await until(() => !bus.alive())
      wire.mend()
      await until(() => bus.alive())
      assert.equal(tries, 3)
    })

    for (const where of ['from here', 'from elsewhere'] as const) {
      test(`an event ${where} that could not be applied makes it dead until everything was read again`, async () => {
        await using bus = await postgresBus({ url: place.location })
        await using other = await postgresBus({ url: place.location })
        let caughtUp = false
        bus.subscribe(
          async () => {
            throw new Error('the store did not answer')
          },
          async () => {
            assert.equal(bus.alive(), false)
            caughtUp = true
          },
        )
        await (where === 'from here' ? bus : other).publish(LOCK)
        await until(() => caughtUp && bus.alive())
      })
    }

    test('an event that takes longer than the lease to apply makes it dead meanwhile', async () => {
      await using bus = await postgresBus({ url: place.location })
      await using other = await postgresBus({ url: place.location })
      const finish = Promise.withResolvers<void>()
      bus.subscribe(() => finish.promise, nothing)
      await other.publish(LOCK)
      await until(() => !bus.alive())
      finish.resolve()
      await until(() => bus.alive())
    })

    test('publish waits for the connection to come back, and then tells the others', async () => {
      await using wire = await Wire.to(place.location)
      await using bus = await postgresBus({ url: wire.url })
      await using other = await postgresBus({ url: place.location })
      const seen: BusEvent[] = []
      other.subscribe((event) => void seen.push(event), nothing)
      wire.cut()
      await until(() => !bus.alive())
      const published = bus.publish(LOCK)
      wire.mend()
      await published
      await until(() => seen.length > 0)
      assert.deepEqual(seen, [LOCK])
    })

    test('publish says so when the others cannot be told', async () => {
      await using wire = await Wire.to(place.location)
      const bus = await postgresBus({ url: wire.url })
      wire.cut()
      const published = assert.rejects(bus.publish(LOCK), BusUnavailable)
      await until(() => !bus.alive())
      await bus[Symbol.asyncDispose]()
      await published
    })

    test('a server whose notifications do not arrive, as behind a pooler, is refused at the start', async () => {
      await using wire = await Wire.to(place.location)
      wire.withoutNotifications = true
      await assert.rejects(postgresBus({ url: wire.url }), (error) => {
        assert.ok(error instanceof StoreUnavailable)
        assert.match(error.message, /notifications do not arrive/)
        return true
      })
    })

    test('what other accounts send on the channel is no way to stop it', async () => {
      await using bus = await postgresBus({ url: place.location })
      const seen: BusEvent[] = []
      bus.subscribe((event) => void seen.push(event), nothing)
      for (const payload of ['', 'null', '[]', '{', '{"topic":1,"id":2}', '"x"']) {
        await run(place.location, `notify ostiary, '${payload}'`)
      }
      await run(place.location, `notify ostiary, '{"from":"x","topic":"locks","id":"lck_1"}'`)
      await until(() => seen.length > 0)
      assert.deepEqual(seen, [LOCK])
      assert.ok(bus.alive())
    })

    test('an event that PostgreSQL would not carry is refused before anything is sent', async () => {
      await using bus = await postgresBus({ url: place.location })
      await assert.rejects(bus.publish({ topic: 'task', id: '€'.repeat(2700) }), RangeError)
      await bus.publish({ topic: 'task', id: 'x'.repeat(7800) })
      assert.ok(bus.alive())
    })
  })
}
