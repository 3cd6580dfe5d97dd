import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Pool } from 'undici'
import { Agent } from '../../packages/agent/src/index.ts'
import type { Job, Round } from './job.ts'

// Closed loop: as many connections as asked, each sends its next call when the last was answered. One job per line of standard input.

interface Call {
  /** The echoed argument. */
  readonly text: string
  readonly body: string
  readonly headers: Record<string, string>
}

const TICKS_PER_SECOND = 100
const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
}
const agents = new Map<string, Agent>()
const sessions = new Map<string, string>()
let ids = 0

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line) as Job)))
}
await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()))

async function run(job: Job): Promise<Round> {
  const { origin, pathname } = new URL(job.url)
  await using pool = disposable(new Pool(origin, { connections: job.connections, pipelining: 1 }))
  const send = async (call: Call) => {
    const response = await pool.request({
      path: pathname,
      method: 'POST',
      headers: call.headers,
      body: call.body,
    })
    return {
      statusCode: response.statusCode,
      headers: response.headers,
      text: await response.body.text(),
    }
  }
  if (!sessions.has(job.url)) {
    const { headers } = await send(
      await prepared(job, {
        id: ++ids,
        method: 'initialize',
        params: {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'load', version: '1' },
        },
      }),
    )
    sessions.set(job.url, String(headers['mcp-session-id']))
    await send(await prepared(job, { method: 'notifications/initialized' }))
  }
  // Everything that costs the client is done before the clock starts; a proof is good for 60 s.
  const text = 'Observation 4711, taken at rest. '.repeat(Math.ceil(job.payload / 33)).slice(0, job.payload)
  // No two calls are alike, so that nothing can be answered from a memory of the last one.
  const nextCall = () => {
    const id = ++ids
    const own = `${id} ${text}`
    return prepared(
      job,
      { id, method: 'tools/call', params: { name: 'echo', arguments: { text: own } } },
      own,
    )
  }
  const calls: Call[] = []
  while (calls.length < job.calls) calls.push(await nextCall())
  // Opens the connections.
  const openers = await Promise.all(Array.from({ length: job.connections }, nextCall))
  await Promise.all(openers.map(send))

  const times = new Float64Array(job.calls)
  let next = 0
  const cpuBefore = cpuSeconds(job.pid)
  const start = performance.now()
  await Promise.all(
    Array.from({ length: job.connections }, async () => {
      while (next < calls.length) {
        const index = next++
        const sent = performance.now()
        const answer = await send(calls[index] as Call)
        times[index] = performance.now() - sent
        // A denial has content too: only the very text sent, without an error, is an answer.
        const echoed = answer.statusCode === 200 && !answer.text.includes('"isError"')
        if (!echoed || !answer.text.includes((calls[index] as Call).text)) {
          throw new Error(`a call was not answered: ${answer.statusCode} ${answer.text.slice(0, 300)}`)
        }
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const cpu = cpuSeconds(job.pid) - cpuBefore
  times.sort()
  return {
    callsPerSecond: job.calls / seconds,
    cpuMicros: (cpu * 1e6) / job.calls,
    p50Ms: times[Math.floor(job.calls * 0.5)] as number,
    p99Ms: times[Math.floor(job.calls * 0.99)] as number,
  }
}

async function prepared(job: Job, message: object, text = ''): Promise<Call> {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message })
  const session = sessions.get(job.url)
  const proof = job.proof
    ? await agentOf(job.proof.stateDir).authorize(job.proof.task, { method: 'POST', url: job.url, body })
    : {}
  return { text, body, headers: { ...HEADERS, ...proof, ...(session ? { 'mcp-session-id': session } : {}) } }
}

function agentOf(stateDir: string): Agent {
  const known = agents.get(stateDir) ?? new Agent({ stateDir })
  agents.set(stateDir, known)
  return known
}

/** User and system time of a process and all its threads (Linux). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function disposable(pool: Pool): Pool & AsyncDisposable {
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.close() })
}
