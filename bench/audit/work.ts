import { hash } from 'node:crypto'

/** A year of a gateway in miniature: agents open tasks about subjects, make calls that go through or are denied, and end. */
export interface WorkOptions {
  readonly agents: number
  readonly subjects: number
  /** Time between two entries, milliseconds. */
  readonly step: number
}

export const DEFAULT_WORK: WorkOptions = { agents: 40, subjects: 20_000, step: 2_600 }

const START = Date.UTC(2026, 0, 1)
const TOOLS = [
  ['chart', 'read_patient', 'fhir-read'],
  ['chart', 'search_observations', 'fhir-read'],
  ['files', 'read_text_file', 'notes'],
  ['mail', 'send', 'correspondence'],
  ['tracker', 'create_issue', 'support'],
  ['orders', 'place_order', 'orders'],
] as const
const DENIALS = [
  ['GRANT_CONSTRAINT', 'grant'],
  ['POLICY_FORBIDDEN', 'policy'],
  ['FLOW_HELD', 'flow'],
  ['TOOL_QUARANTINED', 'tool'],
] as const

/** Ids that two runs agree about, so that questions can name them. */
export const agentId = (n: number): string => `agt_${stable(`agent ${n}`)}`
export const subjectId = (n: number): string => `sbj_${stable(`subject ${n}`)}`
const stable = (text: string): string => hash('sha256', text, 'hex').slice(0, 26)

interface Open {
  readonly task: string
  readonly grant: string
  readonly trace: string
  readonly agent: string
  readonly instance: string
  readonly subject: string
  readonly tool: (typeof TOOLS)[number]
  calls: number
}

/** Entries as the gateway would write them, without end; `v` and `ts` included, the index is the position. The same in every run. */
export function* work({ agents, subjects, step }: WorkOptions = DEFAULT_WORK): Generator<object> {
  const random = generator(0x05714a27)
  const below = (n: number) => Math.floor(random() * n)
  const hex = (length: number) => {
    let text = ''
    while (text.length < length)
      text += Math.floor(random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return text.slice(0, length)
  }
  const id = (prefix: string) => `${prefix}_01k${hex(23)}`
  let index = 0
  let now = START
  const entry = (fields: object) => {
    index++
    now += step
    return { v: 1, ts: now, ...fields }
  }
  yield entry({ type: 'log.opened', actor: { kind: 'gateway' }, data: { origin: 'bench' } })
  const open: Open[] = []
  for (;;) {
    if (open.length < agents) {
      const n = below(agents)
      const started: Open = {
        task: id('tsk'),
        grant: id('grt'),
        trace: hex(32),
        agent: agentId(n),
        instance: `ins_${stable(`instance ${n}`)}`,
        subject: subjectId(below(subjects)),
        tool: TOOLS[below(TOOLS.length)] as Open['tool'],
        calls: 4 + below(30),
      }
      open.push(started)
      const data = {
        template: started.tool[2],
        purpose: 'Answer a question about the chart',
        expires_at: now + 3.6e6,
      }
      yield entry({ type: 'task.opened', ...whose(started), data })
      continue
    }
    const at = below(open.length)
    const of = open[at] as Open
    if (of.calls-- === 0) {
      open.splice(at, 1)
      yield entry({ type: 'task.closed', actor: { kind: 'gateway' }, task: of.task, data: { end: 'done' } })
      continue
    }
    const [server, name] = of.tool
    const trace = { id: of.trace, span: hex(16) }
    const call = { call: id('cal'), protocol: 'mcp', era: 'session', server, method: 'tools/call', name }
    const bytes = 180 + below(900)
    if (random() < 0.05) {
      const [code, stage] = DENIALS[below(DENIALS.length)] as (typeof DENIALS)[number]
      yield entry({ type: 'call.denied', ...whose(of), trace, data: { ...call, bytes, code, stage } })
      continue
    }
    const commitment = Buffer.from(hex(64), 'hex').toString('base64url')
    const proof = hex(32)
    const intent = index
    yield entry({
      type: 'call.intent',
      ...whose(of),
      trace,
      data: { ...call, bytes, cost: { calls: 1 }, commitment, proof },
    })
    const outcome = { call: call.call, intent, result: 'ok', bytes: 400 + below(4000), ms: 3 + below(400) }
    yield entry({ type: 'call.outcome', ...whose(of), trace, data: outcome })
  }
}

const whose = ({ agent, instance, task, grant, subject }: Open) => ({
  actor: { kind: 'agent', agent, instance },
  task,
  grant,
  subjects: [subject],
})

/** mulberry32: small, fast, and the same on every machine. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
