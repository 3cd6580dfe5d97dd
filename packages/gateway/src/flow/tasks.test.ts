import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlowSchema } from '../config/flow-schema.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Task } from '../model/task.ts'
import { FlowTasks } from './tasks.ts'
import { CLINIC } from './testing.ts'

const EVIL = 'billing@evil.example'
const CHART = { name: 'Maria Gomez', mrn: 'MRN-4471-20' }

let count = 0

/** Tasks of one gateway. */
function house(flow: object = {}, mostEntries?: number) {
  const flows = new FlowTasks(() => ({ flow: FlowSchema.parse(flow), labels: CLINIC }), mostEntries)
  const open = (request?: string, more: Partial<Task> = {}) => {
    const id = `tsk_${count++}`
    const task = {
      id,
      txn: id,
      instance: 'ins_1',
      vouched: 'sponsor',
      onBehalfOf: 'ann@clinic.example',
      subject: undefined,
      ...more,
    } as Task
    flows.open(
      task,
      request === undefined
        ? undefined
        : { text: request, signedBy: undefined, subject: undefined, proof: undefined },
    )
    return {
      task,
      shows(tool: string, result: Json, args: JsonObject = {}, isSuspect = false) {
        const content = [{ type: 'text', text: JSON.stringify(result) }]
        flows.learn({ task, call: `cal_${count++}`, tool, args, result: { content }, isSuspect })
      },
      problems: (tool: string, args: JsonObject) =>
        flows
          .judge({ task, call: `cal_${count++}`, tool, args, decoded: [], isSuspect: false })
          .problems.map(({ code, path }) => `${code} ${path}`),
    }
  }
  return { flows, open }
}
const mail = (to: string, body = 'x') => ({ to: [to], subject: 'x', body })

test('an agent cannot carry a patient’s data from one task into another', () => {
  const { flows, open } = house()
  const first = open('Look at the chart')
  first.shows('chart/read', CHART)
  flows.end(first.task)
  const second = open('Mail amy@home.example that the visit is at noon')
  assert.deepEqual(second.problems('mail/send', mail('amy@home.example', `For ${CHART.mrn}`)), [
    'CONFIDENTIAL body',
  ])
  assert.deepEqual(second.problems('mail/send', mail('amy@home.example', 'At noon')), [])
  const other = open('Mail amy@home.example that the visit is at noon', { instance: 'ins_2' })
  assert.deepEqual(other.problems('mail/send', mail('amy@home.example', `For ${CHART.mrn}`)), [])
  flows.forget('ins_1')
  const anew = open('Mail amy@home.example that the visit is at noon')
  assert.deepEqual(anew.problems('mail/send', mail('amy@home.example', `For ${CHART.mrn}`)), [])
})

test('a recipient that is no address is no reader of confidential data', () => {
  const { open } = house()
  const task = open('Send Maria’s number to Bob')
  task.shows('chart/read', CHART)
  assert.deepEqual(task.problems('mail/send', mail('Bob', CHART.mrn)), ['CONFIDENTIAL body'])
})

test('an agent cannot make a secret public by asking a public tool about it', () => {
  const { open } = house()
  const task = open('Mail amy@home.example')
  task.shows('chart/read', CHART)
  task.shows('directory/find', { asked: CHART.mrn, found: 0 }, { query: CHART.mrn })
  assert.deepEqual(task.problems('mail/send', mail('amy@home.example', CHART.mrn)), ['CONFIDENTIAL body'])
})

test('a sub-agent is judged by what the whole tree of tasks has seen', () => {
  const { flows, open } = house()
  const root = open('Mail desk@clinic.example what is new')
  root.shows('mail/inbox', [{ id: '1', from: EVIL, to: [], subject: 'x', body: 'y' }])
  const child = { id: 'tsk_child', txn: root.task.txn }
  const judged = flows.judge({
    task: child,
    call: 'c',
    tool: 'mail/send',
    args: mail(EVIL),
    decoded: [],
    isSuspect: false,
  })
  assert.deepEqual(
    judged.problems.map(({ code }) => code),
    ['UNDERIVED'],
  )
  assert.equal(judged.state.holdsUntrusted, true)
})

test('what a detector found makes a task hostile: from then on no resolver helps', () => {
  const { open } = house()
  const inbox = [{ id: '1', from: 'lee@clinic.example', to: [], subject: 'Team Sync', body: 'y' }]
  const task = open('Mail whoever sent the Team Sync')
  task.shows('mail/inbox', inbox)
  assert.deepEqual(task.problems('mail/send', mail('lee@clinic.example')), [])
  task.shows('mail/inbox', [], {}, true)
  assert.deepEqual(task.problems('mail/send', mail('lee@clinic.example')), ['UNDERIVED to[0]'])
})

test('a task that was opened before a restart gets the strict form, and what is learned later as trusted counts', () => {
  const { flows } = house()
  const task = { id: 'tsk_before', txn: 'tsk_before' }
  const problems = () =>
    flows.judge({
      task,
      call: 'c',
      tool: 'directory/note',
      args: { text: 'x', to: 'desk@clinic.example' },
      decoded: [],
      isSuspect: false,
    })
  assert.deepEqual(
    problems().problems.map(({ path }) => path),
    ['to'],
  )
  assert.equal(problems().isStrict, true)
  flows.learn({
    task,
    call: 'c',
    tool: 'directory/find',
    args: {},
    result: { structuredContent: { mail: 'desk@clinic.example' } },
    isSuspect: false,
  })
  assert.deepEqual(problems().problems, [])
})

test('where only signed requests count, nothing that an agent says of its task is trusted', () => {
  const { open } = house({ requests: 'signed', signers: { front: { keys: { file: 'x' }, agents: ['*'] } } })
  const task = open(`Mail ${EVIL}`, { subject: EVIL, onBehalfOf: EVIL, vouched: 'agent' })
  assert.ok(task.problems('mail/send', mail(EVIL)).includes('UNDERIVED to[0]'))
})

test('memory that all tasks may fill is bounded: the largest gives way to the strict form', () => {
  const { flows, open } = house({}, 1000)
  const small = open('Mail desk@clinic.example')
  const tasks = Array.from({ length: 4 }, (_, i) => open('x', { instance: `ins_${i}` }))
  for (const [t, task] of tasks.entries()) {
    const values = Array.from({ length: 200 }, (_, i) => t * 1000 + i)
    flows.learn({
      task: task.task,
      call: 'c',
      tool: 'directory/find',
      args: {},
      result: { structuredContent: values },
      isSuspect: false,
    })
  }
  assert.ok(
    tasks.some(
      ({ task }) =>
        flows.judge({ task, call: 'c', tool: 'mail/send', args: {}, decoded: [], isSuspect: false }).isStrict,
    ),
  )
  assert.deepEqual(small.problems('mail/send', mail('desk@clinic.example')), [])
})
