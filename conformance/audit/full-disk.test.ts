import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verifyLog } from '../../packages/evidence/src/index.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'

const run = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

/** Takes every byte that is left. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let size = 1 << 20; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        size >>= 1
      }
    }
  } finally {
    closeSync(file)
  }
}

test('a full disk refuses calls, loses nothing that was answered, and heals when there is room', async (t) => {
  await using tools = await ToolServer.start()
  await using gateway = await startGuarded({
    servers: { files: { url: tools.url } },
    tasks: {
      work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} }, lifetime: '1h', idle: '1h' },
    },
  })
  await gateway.approveAll('files')
  await using client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await gateway.kill('SIGTERM')
  const kept = `${gateway.dataDir}.kept`
  renameSync(gateway.dataDir, kept)
  mkdirSync(gateway.dataDir, { mode: 0o700 })
  if (!run('mount', '-t', 'tmpfs', '-o', 'size=96m,mode=0700', 'tmpfs', gateway.dataDir)) {
    return t.skip('a small file system cannot be mounted here (needs root)')
  }
  try {
    cpSync(kept, gateway.dataDir, { recursive: true })
    await gateway.start()
    await client.initialize()
    const acknowledged = new Map<number, string>()
    const call = async () => {
      const answer = await client.call('echo', { text: 'x'.repeat(1000) })
      const receipt = answer.json?.result?._meta?.['io.ostiary/receipt']
      if (receipt) acknowledged.set(receipt.index, receipt.leaf)
      return answer
    }
    for (let n = 0; n < 50; n++) assert.equal((await call()).code, undefined)
    const ballast = join(gateway.dataDir, 'ballast')
    fill(ballast)
    // What the journal reserved is still there: calls go on until it is used up.
    let refused: Awaited<ReturnType<typeof call>> | undefined
    for (let n = 0; n < 60_000 && !refused; n += 16) {
      const answers = await Promise.all(Array.from({ length: 16 }, call))
      refused = answers.find(({ code }) => code !== undefined)
    }
    assert.equal(refused?.code, 'AUDIT_UNAVAILABLE')
    const ready = async () => {
      const answer = await fetch(`${gateway.url}/ready`)
      return { status: answer.status, body: await answer.json() }
    }
    assert.deepEqual(await ready(), { status: 503, body: { status: 'not ready', missing: ['log'] } })
    const reached = tools.calls.length
    for (let n = 0; n < 5; n++) assert.equal((await call()).code, 'AUDIT_UNAVAILABLE')
    assert.equal(tools.calls.length, reached, 'a refused call reached the server')
    rmSync(ballast)
    for (let n = 0; n < 20; n++) assert.equal((await call()).code, undefined, 'calls do not go through again')
    while ((await ready()).status !== 200) await new Promise(setImmediate)
    await gateway.kill('SIGTERM')
    await gateway.start()
    for (const [index, leaf] of [...acknowledged]
      .filter(([at]) => at % 97 === 0)
      .concat([...acknowledged].slice(-40))) {
      const found = await gateway.control<{ leaf: string }>('GET', `/audit/entries/${index}`)
      assert.equal(found.leaf, leaf, `entry ${index} is not the one that was acknowledged`)
    }
    await gateway.kill('SIGTERM')
    const log = join(gateway.dataDir, 'log')
    const vkey = await readFile(join(log, 'vkey'), 'utf8')
    const report = await verifyLog((path) => readFile(join(log, path)).catch(() => undefined), { vkey })
    assert.deepEqual(report.problems, [])
    assert.ok(report.size > Math.max(...acknowledged.keys()))
  } finally {
    await gateway.kill('SIGKILL')
    run('umount', gateway.dataDir)
  }
})
