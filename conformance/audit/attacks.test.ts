import assert from 'node:assert/strict'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { LogReport } from '../../packages/evidence/src/index.ts'
import {
  canonicalize,
  openWitnessed,
  parseEntries,
  parseVkey,
  verifyLog,
  verifyReceipt,
} from '../../packages/evidence/src/index.ts'
import { bundle } from '../../packages/gateway/src/audit/frames.ts'
import { entriesOf, forge, readerOf } from '../support/forged-log.ts'
import { RawClient } from '../support/gateway.ts'
import { ToolServer } from '../support/tool-server.ts'
import type { WitnessedGateway } from '../support/witness.ts'
import { eventually, startWitnessed, untilWitnessed } from '../support/witness.ts'

/**
 * The attack table: who owns the gateway's host changes its log. Each attack says what finds it: `alone`, the files and the public key;
 * `witnessed`, the same and the witnesses' cosignatures; or the witness itself, when it is asked again.
 */

let tools: ToolServer
let scene: WitnessedGateway
let truth: string
let size = 0

before(async () => {
  tools = await ToolServer.start()
  scene = await startWitnessed(
    {
      servers: { files: { url: tools.url } },
      tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/echo': {} } } },
    },
    // Nothing but what a test does makes the log grow.
    { count: 2, quorum: 'all', audit: { heartbeat: '1h' } },
  )
  const { gateway } = scene
  await gateway.approveAll('files')
  await using client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
  for (let n = 0; n < 5; n++) await client.call('echo', { text: `${n}` })
  size = await untilWitnessed(scene)
  truth = join(gateway.dir, 'truth')
  cpSync(join(gateway.dataDir, 'log'), truth, { recursive: true })
})

after(async () => {
  await scene?.[Symbol.asyncDispose]()
  await tools?.[Symbol.asyncDispose]()
})

const alone = (log: string): Promise<LogReport> => verifyLog(readerOf(log), { vkey: scene.vkey })
const witnessed = (log: string): Promise<LogReport> => verifyLog(readerOf(log), { policy: scene.policy })
const kinds = (report: LogReport) => [...new Set(report.problems.map(({ kind }) => kind))]

/** A copy of the log to change. */
function copy(name: string): string {
  const dir = join(scene.gateway.dir, name)
  cpSync(truth, dir, { recursive: true })
  return dir
}

/** The same after changing its newest bundle of entries. */
function tampered(name: string, change: (entries: Uint8Array[]) => Uint8Array[]): string {
  const dir = copy(name)
  const path = join(dir, `tile/entries/000.p/${size}`)
  writeFileSync(path, bundle(change(parseEntries(readFileSync(path)) as Uint8Array[])))
  return dir
}

/** A log made anew with the stolen key, with the cosignatures of the true one thrown in. */
async function forged(
  name: string,
  change: (entries: Awaited<ReturnType<typeof entriesOf>>) => void,
): Promise<string> {
  const entries = await entriesOf(truth)
  change(entries)
  const log = await forge(join(scene.gateway.dir, name), scene.gateway.dataDir, entries)
  cpSync(join(truth, 'checkpoint.witnessed'), join(log, 'checkpoint.witnessed'))
  return log
}

/** Asks the first witness to cosign the head of a log, from the size that the witness has. */
async function submit(log: string, old: number, proof: readonly string[] = []): Promise<Response> {
  const note = readFileSync(join(log, 'checkpoint'), 'utf8')
  return await fetch(`${scene.witnesses[0]?.said.url}/add-checkpoint`, {
    method: 'POST',
    body: `old ${old}\n${proof.map((line) => `${line}\n`).join('')}\n${note}`,
  })
}

test('the true log verifies alone and under the policy, and says who saw it', async () => {
  assert.deepEqual((await alone(truth)).problems, [])
  const report = await witnessed(truth)
  assert.deepEqual(report.problems, [])
  assert.equal(report.witnessed?.size, size)
  assert.deepEqual(report.witnessed?.cosignatures.map(({ witness }) => witness).sort(), ['w1', 'w2'])
})

test('an edited, a dropped and two swapped entries are found alone, without any witness', async () => {
  const edited = tampered('edited', (entries) =>
    entries.with(
      3,
      Buffer.from(
        Buffer.from(entries[3] as Uint8Array)
          .toString()
          .replace(/"v":1/, '"v":2'),
      ),
    ),
  )
  const dropped = tampered('dropped', (entries) => entries.toSpliced(3, 1))
  const swapped = tampered('swapped', (entries) =>
    entries.with(3, entries[4] as Uint8Array).with(4, entries[3] as Uint8Array),
  )
  assert.deepEqual(kinds(await alone(edited)), ['altered'])
  assert.deepEqual(kinds(await alone(dropped)), ['missing'])
  assert.deepEqual(kinds(await alone(swapped)), ['altered'])
})

test('a log cut off at its end with the stolen key passes alone; the witnessed checkpoint counts more entries', async () => {
  const log = await forged('truncated', (entries) => void entries.splice(-4))
  assert.deepEqual((await alone(log)).problems, [], '`local` cannot catch it')
  assert.deepEqual(kinds(await witnessed(log)), ['missing'])
  // The attacker hides the cosigned checkpoint; then there is none, and the witness holds it still.
  writeFileSync(join(log, 'checkpoint.witnessed'), '')
  assert.deepEqual(kinds(await witnessed(log)), ['unwitnessed'])
  const answer = await submit(log, size - 4)
  assert.equal(answer.status, 409)
  assert.equal(answer.headers.get('content-type'), 'text/x.tlog.size')
  assert.ok(Number(await answer.text()) >= size)
})

test('a log rewritten whole with the stolen key passes alone; the cosigned root is another, and the witness refuses it', async () => {
  const log = await forged('rewritten', (entries) => {
    entries[5] = { ...(entries[5] as (typeof entries)[number]), data: { nothing: 'happened' } }
  })
  assert.deepEqual((await alone(log)).problems, [], '`local` cannot catch it')
  assert.deepEqual(kinds(await witnessed(log)), ['rewritten'])
  const held = Number(await (await submit(log, 0)).text())
  const grown = await forged('rewritten-longer', (entries) => {
    entries[5] = { ...(entries[5] as (typeof entries)[number]), data: { nothing: 'happened' } }
    while (entries.length < held + 3) entries.push(entries.at(-1) as (typeof entries)[number])
  })
  assert.equal((await submit(grown, held)).status, 422)
})

test('an entry left out and everything after it written anew with the stolen key is found like a rewritten log', async () => {
  const log = await forged('omitted', (entries) => {
    entries.splice(5, 1)
    entries.push(entries.at(-1) as (typeof entries)[number])
  })
  assert.deepEqual((await alone(log)).problems, [], '`local` cannot catch it')
  assert.deepEqual(kinds(await witnessed(log)), ['rewritten'])
})

test('two clients who are shown different histories: the second history gets no cosignature, so only one client believes', async () => {
  const [one, two] = [
    truth,
    await forged('second-history', (entries) => void entries.push(entries[3] as never, entries[4] as never)),
  ]
  const shown = async (log: string) =>
    openWitnessed(readFileSync(join(log, 'checkpoint'), 'utf8'), scene.policy, parseVkey(scene.vkey))
  assert.equal((await shown(one))?.isQuorum, true)
  assert.equal((await shown(two))?.isQuorum, false)
  for (const log of [one, two]) assert.deepEqual((await alone(log)).problems, [], '`local` believes both')
  // Lines of one history do not fit the other.
  const lines = readFileSync(join(one, 'checkpoint'), 'utf8').split('\n').slice(5).join('\n')
  const mixed = `${readFileSync(join(two, 'checkpoint'), 'utf8')}${lines}`
  assert.equal(await openWitnessed(mixed, scene.policy, parseVkey(scene.vkey)), undefined)
})

test('a receipt of a call is witnessed, and is no receipt of another history', async () => {
  const { gateway, policy } = scene
  const { entry, receipt } = await gateway.control<{ entry: object; receipt: string }>(
    'GET',
    '/audit/entries/4',
  )
  const bytes = Buffer.from(canonicalize(entry))
  const check = await verifyReceipt({ receipt, entry: bytes, policy })
  assert.ok(check.ok, JSON.stringify(check))
  assert.equal(check.cosignatures?.length, 2)
  const other = Buffer.from(canonicalize({ ...entry, ts: 1 }))
  assert.equal((await verifyReceipt({ receipt, entry: other, policy })).ok, false)
})

test('an old checkpoint played to the witness again is answered with the size it has, and moves nothing', async () => {
  const held = await (await submit(truth, 0)).text()
  assert.equal((await submit(truth, 1)).status, 409)
  assert.equal(await (await submit(truth, 0)).text(), held)
  assert.ok(Number(held) >= size)
})

test('a gateway rolled back to an older copy of its folder is told so by its witnesses', async () => {
  const { gateway } = scene
  await untilWitnessed(scene)
  await gateway.kill('SIGTERM')
  const backup = join(gateway.dir, 'backup')
  cpSync(gateway.dataDir, backup, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  await gateway.start()
  await untilWitnessed(scene)
  await gateway.kill('SIGKILL')
  rmSync(join(gateway.dataDir, 'log'), { recursive: true })
  cpSync(join(backup, 'log'), join(gateway.dataDir, 'log'), { recursive: true })
  await gateway.start()
  const said = await eventually(() => /a witness contradicts this log[^"]*/.exec(gateway.errors())?.[0])
  assert.match(
    said,
    /it has cosigned \d+ entries, and this log has \d+: the log was rolled back|another history/,
  )
})
