import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TaskTemplateSchema } from '../config/schema.ts'
import { Budgets } from '../grants/budgets.ts'
import { Tasks } from '../grants/tasks.ts'
import { Agents } from '../identity/agents.ts'
import { Instances } from '../identity/instances.ts'
import { readJwk } from '../identity/jws.ts'
import { testKey } from '../identity/testing.ts'
import { hashToken, Tokens } from '../identity/tokens.ts'
import { Locks } from '../oversight/locks.ts'
import { localBus } from '../store/local-bus.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import type { Stop } from './data-plane.ts'
import { followOthers } from './follow.ts'

const by = { kind: 'operator', operator: 'alice' } as const

let place: TestStore
let store: Store

before(async () => {
  place = await sqliteStore()
  store = await place.open()
})
after(async () => {
  await store[Symbol.asyncDispose]()
  await place.dispose()
})

/** Two gateways on one store and one bus: the rooms of the first, and the memory of the second that follows. */
async function twoGateways(name: string) {
  const bus = localBus()
  const common = {
    store,
    bus,
    clock: { now: () => Date.now() },
    recorder: { append: async () => ({ index: 0, leaf: '' }) },
  }
  const rooms = () => ({
    tokens: new Tokens(common),
    locks: new Locks(common),
    tasks: new Tasks({
      ...common,
      budgets: new Budgets(store),
      mayStart: async () => {},
      templates: () => ({ work: TaskTemplateSchema.parse({ purpose: 'Test', agents: ['*'], tools: {} }) }),
      // A credential that cannot be revoked yet: the task stays `closing`.
      onOpen() {},
      onEnd: async () => false,
    }),
  })
  const [first, second] = [rooms(), rooms()]
  const stopped: Stop[] = []
  const stop = async (what: Stop) => void stopped.push(what)
  const forgotten: string[] = []
  followOthers({ bus, ...second, leases: { forget: (task) => void forgotten.push(task) }, stop })
  const ended = async () => {}
  const agents = new Agents({ ...common, onStopped: ended, onBearerForbidden: ended })
  const instances = new Instances({ ...common, onRevoked: ended })
  const agent = await agents.add({ name, sponsor: 'alice@example.org', purpose: '' }, by)
  const key = readJwk(testKey().jwk)
  const instance = await instances.enrol(agent.id, key, { host: '', method: 'one-time code', attested: {} })
  const opener = { agent: agent.id, agentName: name, instance: instance.id, sponsor: agent.sponsor }
  const issue = async (task: { id: string; lineage: string } | undefined) => {
    const principal = { ...opener, jkt: key.jkt, binding: 'dpop' as const, chain: [] }
    const token = await first.tokens.issue({
      principal,
      task: task?.id,
      lineage: task ? [task.id] : [],
      expiresAt: Date.now() + 60_000,
    })
    await second.tokens.resolve(hashToken(token))
    assert.ok(second.tokens.inForce(hashToken(token), Date.now()))
    return hashToken(token)
  }
  return { bus, first, second, stopped, forgotten, opener, issue }
}

test('a token that was given up at one gateway is dead at the other that knew it', async () => {
  const { bus, first, second, issue } = await twoGateways('giving-up')
  const hash = await issue(undefined)
  await first.tokens.revoke({ hash })
  await bus.publish({ topic: 'token', id: hash })
  assert.equal(second.tokens.inForce(hash, Date.now()), false)
})

test('a task that ended at one gateway is stopped at the other, also while a credential waits to be revoked', async () => {
  const { first, second, stopped, forgotten, opener, issue } = await twoGateways('ending')
  const { task } = await first.tasks.open(opener, { template: 'work' })
  const hash = await issue(task)
  const closed = await first.tasks.close(task.id, 'revoked', by)
  assert.equal(closed.state, 'closing')
  assert.equal(second.tokens.inForce(hash, Date.now()), false)
  assert.deepEqual(stopped, [{ task: task.id, end: 'revoked' }])
  assert.deepEqual(forgotten, [task.id])
})
