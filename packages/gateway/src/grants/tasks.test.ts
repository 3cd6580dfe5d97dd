import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TaskTemplateSchema } from '../config/schema.ts'
import type { LogEvent } from '../model/evidence.ts'
import { AuditUnavailable } from '../model/evidence.ts'
import { NOTHING_SPENT } from '../model/grant.ts'
import { Refusal } from '../model/refusal.ts'
import { localBus } from '../store/local-bus.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { testStores } from '../store/testing.ts'
import { Budgets } from './budgets.ts'
import { Tasks } from './tasks.ts'

const opener = { agent: 'agt_1', agentName: 'bot', instance: 'ins_1', sponsor: 'alice@example.org' }
const ONE = { calls: 1, writes: 0, spend: 0, subjects: [] }
const operator = { kind: 'operator', operator: 'alice' } as const

const places: readonly TestStore[] = await testStores()
after(() => Promise.all(places.map((place) => place.dispose())))

for (const place of places) {
  let store: Store
  let now = 1_000_000
  let logFails = false
  let endFails = false
  const events: LogEvent[] = []
  const ended: string[] = []

  const make = () =>
    new Tasks({
      store,
      bus: localBus(),
      budgets: new Budgets(store),
      mayStart: async () => {},
      clock: { now: () => now },
      recorder: {
        append: async (event) => {
          if (logFails) throw new AuditUnavailable('the disk is full')
          events.push(event)
          return { index: events.length, leaf: '' }
        },
      },
      templates: () => ({
        work: TaskTemplateSchema.parse({
          purpose: 'Test',
          agents: ['bot'],
          tools: { 'files/read': {} },
          lifetime: '1h',
          idle: '10m',
          budget: { calls: 3 },
          step_up: ['more'],
        }),
        more: TaskTemplateSchema.parse({
          purpose: 'More',
          agents: ['bot'],
          tools: { 'files/write': {} },
          budget: { calls: 2 },
        }),
      }),
      onOpen() {},
      async onEnd(task) {
        if (endFails) throw new Error('a lease cannot be revoked')
        ended.push(task.id)
        return true
      },
    })

  const put = (task: string, hash: string) =>
    store.db
      .insertInto('tokens')
      .values({
        hash,
        instance_id: 'ins_1',
        agent_id: 'agt_1',
        task_id: task,
        jkt: 'k',
        binding: 'dpop',
        expires_at: now + 1e6,
        revoked_at: null,
        created_at: now,
      })
      .execute()

  before(async () => {
    store = await place.open()
  })
  after(() => store[Symbol.asyncDispose]())

  test(`${place.name}: the tokens of a task are revoked before its end is answered, and ending it twice ends it once`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    await put(task.id, `h-${place.name}-1`)
    const [first, second] = await Promise.all([
      tasks.close(task.id, 'completed', operator),
      tasks.close(task.id, 'revoked', operator),
    ])
    const row = await store.db
      .selectFrom('tokens')
      .select('revoked_at')
      .where('hash', '=', `h-${place.name}-1`)
      .executeTakeFirstOrThrow()
    assert.equal(row.revoked_at, now)
    assert.deepEqual([first.end, second.end], ['completed', 'completed'])
    assert.equal(tasks.live(task.id), undefined)
    assert.equal(ended.filter((id) => id === task.id).length, 1)
    assert.equal(events.filter(({ type, task: id }) => type === 'task.closed' && id === task.id).length, 1)
    assert.equal((await tasks.close(task.id, 'completed', operator)).end, 'completed')
  })

  test(`${place.name}: a task ends at its deadline and after its idle time, also before anyone looks`, async () => {
    const tasks = make()
    const { task: idle } = await tasks.open(opener, { template: 'work' })
    const { task: busy } = await tasks.open(opener, { template: 'work' })
    now += 599_000
    tasks.touch(busy.id)
    now += 1000
    assert.equal(tasks.live(idle.id), undefined)
    assert.ok(tasks.live(busy.id))
    tasks.touch(idle.id)
    assert.equal(tasks.live(idle.id), undefined, 'a use woke it')
    await tasks.expireDue()
    assert.equal((await tasks.get(idle.id))?.end, 'idle')
    for (let i = 0; i < 6; i++) {
      now += 590_000
      tasks.touch(busy.id)
    }
    now += 60_000
    assert.equal(tasks.live(busy.id), undefined)
    await tasks.expireDue()
    assert.equal((await tasks.get(busy.id))?.end, 'expired')
  })

  test(`${place.name}: a task ends also when the log cannot be written, and the entry follows`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    logFails = true
    await assert.rejects(tasks.close(task.id, 'completed', operator), AuditUnavailable)
    assert.equal(tasks.live(task.id), undefined)
    assert.equal((await tasks.get(task.id))?.state, 'closed')
    await assert.rejects(tasks.open(opener, { template: 'work' }), AuditUnavailable)
    logFails = false
    await tasks.expireDue()
    assert.equal(events.filter(({ type, task: id }) => type === 'task.closed' && id === task.id).length, 1)
  })

  test(`${place.name}: nothing is admitted to a task whose end failed half way`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    endFails = true
    await assert.rejects(tasks.close(task.id, 'completed', operator), /lease/)
    endFails = false
    assert.equal(tasks.live(task.id), undefined)
    assert.equal((await tasks.get(task.id))?.state, 'closing')
    assert.ok((await tasks.unfinished()).includes(task.id))
    await tasks.finish(task.id)
    assert.equal((await tasks.get(task.id))?.state, 'closed')
  })

  test(`${place.name}: asking for the same step-up again and again fills no budget, also after a crash`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    for (let i = 0; i < 5; i++) {
      const { grant } = await tasks.widen(opener, task.id, 'more')
      assert.deepEqual([grant.budget, grant.details.length], [{ calls: 5 }, 2])
    }
    const later = make()
    await later.load()
    assert.deepEqual((await later.widen(opener, task.id, 'more')).grant.budget, { calls: 5 })
    await later.close(task.id, 'completed', operator)
  })

  test(`${place.name}: a task that is closed while its step-up is written down does not come back`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    const widening = tasks.widen(opener, task.id, 'more').catch((error: unknown) => error)
    const closing = tasks.close(task.id, 'revoked', operator)
    assert.ok((await widening) instanceof Refusal)
    assert.equal(tasks.live(task.id), undefined)
    await closing
    assert.equal(tasks.live(task.id), undefined)
  })

  test(`${place.name}: what failed at the end of a task is tried again until it has gone through`, async () => {
    const tasks = make()
    const { task } = await tasks.open(opener, { template: 'work' })
    endFails = true
    await assert.rejects(tasks.close(task.id, 'completed', operator), /lease/)
    await assert.rejects(tasks.expireDue(), /lease/)
    endFails = false
    await tasks.expireDue()
    assert.ok(ended.includes(task.id))
    assert.equal((await tasks.get(task.id))?.state, 'closed')
  })

  test(`${place.name}: open tasks are there after a crash, and closed ones are not`, async () => {
    const tasks = make()
    const { task: open, grant } = await tasks.open(opener, { template: 'work', subject: 'patient-1' })
    const { task: closed } = await tasks.open(opener, { template: 'work' })
    await tasks.close(closed.id, 'completed', operator)
    const later = make()
    await later.load()
    assert.deepEqual(later.live(open.id)?.task, open)
    assert.deepEqual(later.live(open.id)?.grant.details, grant.details)
    assert.equal(later.live(closed.id), undefined)
    await later.closeWhere(() => true, 'revoked', operator)
    assert.equal(later.live(open.id), undefined)
  })

  test(`${place.name}: who may not open a template learns which ones there are for it, and it is recorded`, async () => {
    const tasks = make()
    const other = { ...opener, agentName: 'other' }
    const error = await tasks.open(other, { template: 'work' }).catch((reason: unknown) => reason)
    assert.ok(error instanceof Refusal)
    assert.equal(error.reason.code, 'TASK_TEMPLATE_UNKNOWN')
    assert.equal(events.at(-1)?.type, 'task.refused')
    for (const template of ['__proto__', 'constructor', 'toString']) {
      await assert.rejects(tasks.open(opener, { template }), { name: 'Refusal' })
    }
  })

  test(`${place.name}: text that reads as something else is refused`, async () => {
    const tasks = make()
    for (const purpose of ['', 'a\nb', 'x'.repeat(201), 'a\u202eb', 'a\u2028b', '\ud800']) {
      await assert.rejects(tasks.open(opener, { template: 'work', purpose }), { name: 'Refusal' })
    }
  })

  test(`${place.name}: a budget survives a crash: what was written down, and what the log tells after it`, async () => {
    const tasks = make()
    const { grant } = await tasks.open(opener, { template: 'work' })
    const budgets = new Budgets(store)
    await budgets.load()
    assert.equal(budgets.reserve(grant, ONE), undefined)
    await budgets.flush(7)
    assert.equal(budgets.reserve(grant, ONE), undefined)
    const later = new Budgets(store)
    assert.equal(await later.load(), 7)
    later.replay({ ...ONE, grant: grant.id, bytes: 0 })
    assert.deepEqual(later.spent(grant.id), { ...NOTHING_SPENT, calls: 2 })
    assert.equal(later.reserve(grant, ONE), undefined)
    assert.equal(later.reserve(grant, ONE)?.code, 'BUDGET_SPENT')
    later.release(grant.id, ONE)
    assert.equal(later.reserve(grant, ONE), undefined)
  })
}
