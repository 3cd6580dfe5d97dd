import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent as Connections, request } from 'node:http'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const WORKERS = 2

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    workers: WORKERS,
    servers: { files: { url: tools.url } },
    tasks: {
      work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } },
      once: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, budget: { calls: 1 } },
    },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

/** Sends one request on a connection of its own: new connections go to the workers in turn. */
async function alone(path: string, body: string, headers: Record<string, string>) {
  const agent = new Connections({ keepAlive: false })
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const req = request(gateway.url + path, { method: 'POST', agent, headers }, (res) => {
    let text = ''
    res.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    res.on('end', () => resolve({ status: res.statusCode ?? 0, text }))
    res.on('error', reject)
  })
  req.on('error', reject)
  req.end(body)
  return await promise
}

const callOf = (text: string) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text } },
  })

async function signed(who: RawClient, body: string): Promise<Record<string, string>> {
  const url = gateway.url + who.path
  return { ...who.baseHeaders(), ...(await who.agent.authorize(who.task, { method: 'POST', url, body })) }
}

async function workerPids(): Promise<number[]> {
  const { pid } = await gateway.control<{ pid: number }>('GET', '/status')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('worker.ts'))
}

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await what())) {
    if (Date.now() > end) throw new Error('it did not come about within 10 seconds')
    await new Promise((done) => setTimeout(done, 20))
  }
}

test('as many processes serve as the configuration says', {
  skip: process.platform !== 'linux',
}, async () => {
  assert.equal((await workerPids()).length, WORKERS)
})

test('an agent cannot replay a request to another worker', async () => {
  const body = callOf('once')
  const headers = await signed(client, body)
  const before = tools.calls.length
  const answers = await Promise.all(Array.from({ length: 8 }, () => alone('/mcp/files', body, headers)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  for (const { status, text } of answers) if (status !== 200) assert.match(text, /PROOF_REPLAYED/)
  assert.equal(tools.calls.length, before + 1)
})

test('a budget of one call is not spent once in each worker', async () => {
  const own = await RawClient.open(await gateway.enrol('bot'), 'once', '/mcp/files')
  try {
    const before = tools.calls.length
    const requests = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const body = callOf(`${i}`)
        return { body, headers: await signed(own, body) }
      }),
    )
    const answers = await Promise.all(requests.map(({ body, headers }) => alone('/mcp/files', body, headers)))
    assert.equal(tools.calls.length, before + 1)
    assert.equal(answers.filter(({ text }) => text.includes('BUDGET_SPENT')).length, 5)
  } finally {
    await own[Symbol.asyncDispose]()
  }
})

test('a lock stops the next call at every worker, and lifting it lets all go on', async () => {
  const each = async () => {
    const codes: string[] = []
    for (let i = 0; i < 2 * WORKERS; i++) {
      const body = callOf(`${i}`)
      const { text } = await alone('/mcp/files', body, await signed(client, body))
      codes.push(/"code":"([A-Z_]+)"/.exec(text)?.[1] ?? 'ok')
    }
    return new Set(codes)
  }
  assert.deepEqual(await each(), new Set(['ok']))
  const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
    scope: 'server',
    target: 'files',
    why: 'test',
  })
  assert.deepEqual(await each(), new Set(['LOCKED']))
  await gateway.control('POST', `/locks/${lock.id}/lift`)
  assert.deepEqual(await each(), new Set(['ok']))
})

test('a lock aborts the calls that are open in every worker', async () => {
  tools.behave = () => undefined
  try {
    const waiting = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const body = callOf('hangs')
        return { body, headers: await signed(client, body) }
      }),
    )
    const before = tools.calls.length
    const answers = waiting.map(({ body, headers }) => alone('/mcp/files', body, headers))
    await until(() => tools.calls.length === before + 4)
    const { lock } = await gateway.control<{ lock: { id: string } }>('POST', '/locks', {
      scope: 'global',
      why: 'test',
    })
    for (const { text } of await Promise.all(answers)) assert.match(text, /LOCKED/)
    await gateway.control('POST', `/locks/${lock.id}/lift`)
  } finally {
    tools.behave = (_name, args) => ({ content: [{ type: 'text', text: String(args.text ?? '') }] })
  }
})

test('a closed task is closed at every worker before the close is answered', async () => {
  const own = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await own.initialize()
  const requests = await Promise.all(
    Array.from({ length: 2 * WORKERS }, async (_, i) => {
      const body = callOf(`${i}`)
      return { body, headers: await signed(own, body) }
    }),
  )
  await own.agent.closeTask(own.task)
  for (const { body, headers } of requests) {
    const { status } = await alone('/mcp/files', body, headers)
    assert.equal(status, 401)
  }
  await own.agent[Symbol.asyncDispose]()
})

test('a revoked agent is refused at every worker', async () => {
  const own = await RawClient.open(await gateway.enrol('traitor'), 'work', '/mcp/files')
  await own.initialize()
  const bodies = Array.from({ length: 2 * WORKERS }, (_, i) => callOf(`${i}`))
  const requests = await Promise.all(bodies.map(async (body) => ({ body, headers: await signed(own, body) })))
  await gateway.control('POST', '/agents/traitor/revoke')
  const before = tools.calls.length
  for (const { body, headers } of requests) {
    const { text } = await alone('/mcp/files', body, headers)
    assert.match(text, /"code":"AGENT_REVOKED"/)
  }
  assert.equal(tools.calls.length, before)
  await own.agent[Symbol.asyncDispose]()
})

test('a killed worker is replaced, and no call is lost for it', {
  skip: process.platform !== 'linux',
}, async () => {
  const [first] = await workerPids()
  process.kill(first as number, 'SIGKILL')
  await until(async () => {
    const now = await workerPids().catch((): number[] => [])
    return now.length === WORKERS && !now.includes(first as number)
  })
  for (let i = 0; i < 2 * WORKERS; i++) {
    const body = callOf(`${i}`)
    assert.equal((await alone('/mcp/files', body, await signed(client, body))).status, 200)
  }
})

test('no worker outlives its owner', { skip: process.platform !== 'linux' }, async () => {
  const pids = await workerPids()
  await gateway.kill('SIGKILL')
  const isGone = (pid: number) => {
    try {
      process.kill(pid, 0)
      return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
    } catch {
      return true
    }
  }
  await until(() => pids.every(isGone))
  await gateway.start()
  const body = callOf('back')
  assert.equal((await alone('/mcp/files', body, await signed(client, body))).status, 200)
})
