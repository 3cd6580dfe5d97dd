import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from 'undici'
import type { VerifierKey } from '../../packages/evidence/src/index.ts'
import { formatCheckpoint, openCheckpoint, parseVkey, verifyLog } from '../../packages/evidence/src/index.ts'
import { GrowingTree } from '../../packages/gateway/src/audit/testing.ts'
import { formatSubmission } from '../../packages/gateway/src/audit/witness/submission.ts'
import { readerOf } from '../support/forged-log.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { BIN, startGuarded } from '../support/gateway.ts'
import { eventually, Service } from '../support/witness.ts'

/** A gateway whose log is signed by `ostiary signer`, a process that the gateway cannot look into. */

const dir = mkdtempSync(join(tmpdir(), 'ostiary-signer-'))
const socket = join(dir, 'signer.sock')
const ORIGIN = 'hospital.example.org/ostiary'
let signer: Service
let gateway: GuardedGateway

before(async () => {
  const place = ['--state', join(dir, 'state'), '--socket', socket]
  signer = await new Service(['signer', '--origin', ORIGIN, ...place]).start()
  gateway = await startGuarded({ audit: { signer: { socket } } })
})

after(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await signer?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const log = () => join(gateway.dataDir, 'log')
const append = () => gateway.control('POST', '/locks', { scope: 'task', target: 'tsk_none', why: 'an entry' })
const signedSize = async () => {
  const note = readFileSync(join(log(), 'checkpoint'), 'utf8')
  return (await openCheckpoint(note, parseVkey(signer.said.vkey as string) as VerifierKey))?.size
}

test('the log is signed by the key of the signer, under its name, and the gateway has no key of it', async () => {
  await append()
  await eventually(async () => ((await signedSize()) === (await auditSize()) ? true : undefined))
  const report = await verifyLog(readerOf(log()), { vkey: signer.said.vkey as string })
  assert.deepEqual(report.problems, [])
  assert.equal(existsSync(join(gateway.dataDir, 'keys', 'log.key')), false)
  assert.match(signer.said.vkey as string, /^hospital\.example\.org\/ostiary\+/)
})

const auditSize = async () => (await gateway.control<{ size: number }>('GET', '/audit')).size

test('whoever takes over the gateway and its socket cannot have another history signed', async () => {
  const size = (await signedSize()) as number
  const client = new Client('http://signer', { socketPath: socket })
  const forged = new GrowingTree('forged ')
  const ask = async (to: number, old: number, proof: readonly Uint8Array[]) => {
    const checkpoint = formatCheckpoint({ origin: ORIGIN, ...(await forged.head(to)) })
    const body = formatSubmission({ old, proof, checkpoint })
    const answer = await client.request({ method: 'POST', path: '/sign', body })
    await answer.body.dump()
    return answer.statusCode
  }
  assert.equal(await ask(size + 5, size, await forged.proofTo(size + 5)(size)), 422, 'rewritten')
  assert.equal(await ask(size, size, []), 422, 'forked')
  assert.equal(await ask(size - 1, 0, []), 409, 'begun anew')
  await client.close()
})

test('while the signer is gone records are kept and none is signed; afterwards all of them are', async () => {
  await signer.kill('SIGKILL')
  const size = await signedSize()
  await append()
  await eventually(() => /no checkpoint: the signer at .* does not answer/.exec(gateway.errors())?.[0])
  assert.equal(await signedSize(), size)
  await signer.start()
  await eventually(async () => ((await signedSize()) === (await auditSize()) ? true : undefined))
})

test('a gateway on another log does not start with this signer', async () => {
  await gateway.kill('SIGTERM')
  const path = join(gateway.dataDir, 'log-name')
  const name = readFileSync(path)
  writeFileSync(path, 'other.example.org/log\n', { mode: 0o600 })
  await assert.rejects(() => gateway.start(), /keeps its name and key/)
  writeFileSync(path, name)
  await gateway.start()
})

test('a file that is no socket is not replaced by one', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-signer-'))
  const precious = join(dir, 'precious')
  writeFileSync(precious, 'kept')
  const args = ['signer', '--origin', 'log.example.org', '--state', join(dir, 'state'), '--socket', precious]
  const run = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8', timeout: 20_000 })
  assert.match(run.stderr, /is no socket, so it is not replaced/)
  assert.equal(readFileSync(precious, 'utf8'), 'kept')
  rmSync(dir, { recursive: true })
})
