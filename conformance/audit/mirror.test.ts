import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { BIN, RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

let tools: ToolServer
let gateway: GuardedGateway
let client: RawClient
const second = mkdtempSync(join(tmpdir(), 'ostiary-second-'))
const away = `${second}.away`

interface Status {
  readonly state: string
  readonly size: number
  readonly log_size: number
  readonly problem?: string
}

before(async () => {
  tools = await ToolServer.start()
  gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: {
      work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, lifetime: '1h', idle: '1h' },
    },
    audit: { mirror: { directory: second, every: '100ms', required: true, max_behind: '4s' } },
  })
  await gateway.approveAll('files')
  client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await until(async () => (await status()).state === 'current')
  await client.initialize()
})

after(async () => {
  await client?.[Symbol.asyncDispose]()
  await gateway?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
  for (const dir of [second, away]) rmSync(dir, { recursive: true, force: true })
})

const status = () => gateway.control<Status>('GET', '/audit/mirror')
interface Entry {
  readonly type: string
  readonly data: { readonly origin?: string }
}

async function entries(): Promise<Entry[]> {
  const text = await new ControlClient(gateway.dataDir).text('GET', '/audit/entries?from=0&count=1000')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)
}

const call = async () => (await client.call('echo', { text: 'x' })).code

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    assert.ok(tries < 300, 'it does not come about')
    await new Promise((tick) => setTimeout(tick, 50))
  }
}

async function cli(...args: string[]): Promise<{ code: number; out: string }> {
  const config = join(gateway.dir, 'ostiary.yaml')
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [BIN, ...args, '--config', config])
    return { code: 0, out: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout + stderr }
  }
}

test('a lost mirror refuses calls where it is required, says so, and lets them through again when it is back', async () => {
  assert.equal(await call(), undefined)
  renameSync(second, away)
  await until(async () => (await call()) === 'MIRROR_BEHIND')
  const reached = tools.calls.length
  assert.equal(await call(), 'MIRROR_BEHIND')
  assert.equal(tools.calls.length, reached, 'a refused call reached the server')
  const lost = await cli('audit', 'mirror', 'status')
  assert.equal(lost.code, 1)
  assert.match(lost.out, /failing[\s\S]*the folder is not there[\s\S]*Calls are refused/)
  renameSync(away, second)
  await until(async () => (await call()) === undefined)
  const types = new Set((await entries()).map(({ type }) => type))
  assert.ok(types.has('mirror.failed') && types.has('mirror.current'))
})

test('killed again and again while it copies, the gateway completes the mirror, which verifies without the log', async () => {
  for (let round = 0; round < 3; round++) {
    let dead = false
    const load = (async () => {
      while (!dead)
        if (
          await call().then(
            () => false,
            () => true,
          )
        )
          return
    })()
    await new Promise((tick) => setTimeout(tick, 150 + 130 * round))
    await gateway.kill('SIGKILL')
    dead = true
    await load
    await gateway.start()
  }
  await until(async () => {
    const { state, size, log_size } = await status()
    return state === 'current' && size === log_size
  })
  const checked = await cli('audit', 'mirror', 'verify')
  assert.match(checked.out, /The copy is whole: \d+ entries/)
  assert.equal(checked.code, 0)
})

test('what was recorded last, the stop itself, is in the mirror of a gateway that was stopped, and comes back from there', async () => {
  await gateway.kill('SIGTERM')
  const log = join(gateway.dataDir, 'log')
  const note = readFileSync(join(log, 'checkpoint'), 'utf8')
  const vkey = readFileSync(join(log, 'vkey'), 'utf8').trim()
  const folder = join(second, vkey.split('+')[0] as string)
  assert.equal(readFileSync(join(folder, 'checkpoint'), 'utf8'), note)
  const refused = await cli('audit', 'restore', '--vkey', vkey)
  assert.match(refused.out, /There is a log in .* it is evidence/)
  renameSync(log, `${log}.lost`)
  assert.match((await cli('audit', 'restore')).out, /Give the public key of the log with --vkey/)
  const restored = await cli('audit', 'restore', '--vkey', vkey)
  assert.equal(restored.code, 0, restored.out)
  assert.match(
    restored.out,
    /That log is closed\. A new one, ostiary\.local\/[0-9a-f]+, has begun and names it\./,
  )
  const [closed] = readdirSync(join(gateway.dataDir, 'closed-logs'))
  const verified = await cli(
    'audit',
    'verify',
    '--log',
    join(gateway.dataDir, 'closed-logs', closed as string),
  )
  assert.match(verified.out, /The log is whole/)
  await gateway.start()
  const { type, data } = (await entries())[1] as Entry
  assert.deepEqual([type, data.origin], ['log.restored', vkey.split('+')[0]])
  await until(async () => (await call()) === undefined)
})

test('a mirror in which a record was edited is found by its verification, and never mended in silence', async () => {
  await gateway.kill('SIGTERM')
  const vkey = readFileSync(join(gateway.dataDir, 'log', 'vkey'), 'utf8').trim()
  const folder = join(second, vkey.split('+')[0] as string, 'tile', 'entries')
  mkdirSync(folder, { recursive: true })
  const [part] = readdirSync(folder).filter((name) => name.endsWith('.p'))
  const file = join(folder, part as string, readdirSync(join(folder, part as string))[0] as string)
  const bytes = readFileSync(file)
  rmSync(file)
  bytes[20] = (bytes[20] as number) ^ 1
  writeFileSync(file, bytes)
  const checked = await cli('audit', 'mirror', 'verify')
  assert.equal(checked.code, 5)
  assert.match(checked.out, /altered at entry \d+/)
})
