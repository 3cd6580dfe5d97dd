import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let state: string

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
  })
  await gateway.approveAll('files')
  state = await gateway.enrol('bot')
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const bridge = (template = 'work'): ChildProcess =>
  spawn(process.execPath, gateway.connectArgs('files', template, state), { stdio: 'pipe' })

const openTasks = async () => {
  const { tasks } = await gateway.control<{ tasks: { state: string }[] }>('GET', '/tasks')
  return tasks.filter((task) => task.state === 'open').length
}

async function exitOf(child: ChildProcess): Promise<{ code: number | null; errors: string }> {
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, errors }
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
}

test('garbage on its input is answered, and the bridge goes on', async () => {
  const child = bridge()
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value as string)
  child.stdin?.write('this is no JSON\n')
  assert.equal((await next()).error.code, -32700)
  child.stdin?.write('null\n')
  assert.equal((await next()).error.code, -32700)
  child.stdin?.write(`${JSON.stringify(INITIALIZE)}\n`)
  assert.equal((await next()).result.serverInfo.name, 'tool-server')
  assert.equal(await openTasks(), 1)
  const exit = exitOf(child)
  child.stdin?.end()
  assert.equal((await exit).code, 0)
  assert.equal(await openTasks(), 0, 'the task outlived its client')
})

test('a client that dies without closing its end does not leave a task open', async () => {
  const child = bridge()
  const exit = exitOf(child)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  child.stdin?.write(`${JSON.stringify(INITIALIZE)}\n`)
  await once(lines, 'line')
  lines.close()
  child.stdout?.destroy()
  for (let id = 2; id < 5; id++)
    child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' })}\n`)
  await exit
  assert.equal(await openTasks(), 0)
})

test('a bridge that is told to stop ends its task first', async () => {
  const child = bridge()
  const exit = exitOf(child)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  child.stdin?.write(`${JSON.stringify(INITIALIZE)}\n`)
  await once(lines, 'line')
  child.kill('SIGTERM')
  assert.equal((await exit).code, 0)
  assert.equal(await openTasks(), 0)
})

test('a task that may not be opened is said in words, with the exit code of a denial', async () => {
  const { code, errors } = await exitOf(bridge('other'))
  assert.equal(code, 3)
  assert.match(errors, /There is no task template `?other|other/)
  assert.ok(!errors.includes('    at '), 'a stack trace')
})

test('a gateway that is not there is said in words, with the exit code for it', async () => {
  await gateway.kill('SIGKILL')
  const { code, errors } = await exitOf(bridge())
  await gateway.start()
  assert.equal(code, 6)
  assert.match(errors, /ostiary up/)
})
