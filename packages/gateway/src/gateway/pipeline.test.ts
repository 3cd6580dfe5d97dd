import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALLOW, deny } from '../model/decision.ts'
import { reason } from '../model/reasons.ts'
import { refuse } from '../model/refusal.ts'
import { CallTrace } from '../trace/call-trace.ts'
import type { Exchange, Stage } from './exchange.ts'
import { pipeline } from './pipeline.ts'

const exchange = (kind: 'tool' | 'list' = 'tool'): Exchange =>
  ({
    id: 'cal_1',
    startedAt: 0,
    findings: new Set(),
    trace: new CallTrace({}),
    signal: new AbortController().signal,
    facts: { action: { kind } },
  }) as unknown as Exchange

const ran: string[] = []
const stage = (name: Stage<never>['name'], run: () => void = () => {}): Stage<'action'> => ({
  name,
  run() {
    ran.push(name)
    run()
    return { decision: ALLOW }
  },
})

test('the first denial ends it, and what comes after does not run', async () => {
  ran.length = 0
  const locks: Stage<'action'> = { name: 'locks', run: () => ({ decision: deny(reason('TASK_REQUIRED')) }) }
  const { decision, stage: at } = await pipeline(
    [stage('authenticate'), locks, stage('record')],
    () => {},
  ).admit(exchange())
  assert.equal(decision.verdict.kind, 'deny')
  assert.equal(at, 'locks')
  assert.deepEqual(ran, ['authenticate'])
})

test('a stage that breaks is a denial, never an admission', async () => {
  const bugs: unknown[] = []
  const broken = stage('policy', () => {
    throw new Error('out of memory')
  })
  const { decision } = await pipeline([broken], (error) => bugs.push(error)).admit(exchange())
  assert.deepEqual([decision.verdict.kind, decision.reasons[0]?.code], ['deny', 'INTERNAL'])
  assert.equal(bugs.length, 1)
})

test('a refusal keeps its reason and is no bug', async () => {
  const { decision } = await pipeline(
    [stage('grant', () => refuse('GRANT_MISSING', { action: 'x' }))],
    (error) => assert.fail(String(error)),
  ).admit(exchange())
  assert.equal(decision.reasons[0]?.code, 'GRANT_MISSING')
})

test('stages that do not concern a kind of action are passed over', async () => {
  ran.length = 0
  await pipeline([stage('tool'), stage('policy'), stage('record')], () => {}).admit(exchange('list'))
  assert.deepEqual(ran, ['record'])
})

test('an exchange whose action is unknown is denied', async () => {
  const empty = { ...exchange(), facts: {} } as Exchange
  assert.equal((await pipeline([], () => {}).admit(empty)).decision.verdict.kind, 'deny')
})

test('an order in which a stage lacks a fact does not compile', () => {
  const needs: Stage<'task'> = { name: 'grant', run: () => ({ decision: ALLOW }) }
  const adds: Stage<'action', 'task'> = {
    name: 'task',
    run: () => ({ decision: ALLOW, facts: { task: {} as never } }),
  }
  pipeline([adds, needs], () => {})
  // @ts-expect-error `grant` comes before the stage that finds the task
  pipeline([needs, adds], () => {})
})
