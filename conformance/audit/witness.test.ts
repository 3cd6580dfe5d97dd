import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { VerifierKey } from '../../packages/evidence/src/index.ts'
import { parseVkey, verifyNote } from '../../packages/evidence/src/index.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { GrowingTree } from '../../packages/gateway/src/audit/testing.ts'
import { formatSubmission } from '../../packages/gateway/src/audit/witness/submission.ts'
import { eventually, freePort, Service } from '../support/witness.ts'

/** `ostiary witness` as a process of its own, by what it answers over HTTP (C2SP tlog-witness). */

const dir = mkdtempSync(join(tmpdir(), 'ostiary-witness-'))
const ORIGIN = 'log.example.org'
const signer = fileSigner(join(dir, 'log.key'), ORIGIN)
const honest = new GrowingTree()
const forged = new GrowingTree('forged ')
let witness: Service

before(async () => {
  const place = ['--state', join(dir, 'witness'), '--listen', `127.0.0.1:${await freePort()}`]
  const name = ['--name', 'w.example.org/1', '--log', signer.vkey, '--silence', '1s']
  witness = await new Service(['witness', ...name, ...place]).start()
})

after(async () => {
  await witness?.[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

async function submit(size: number, old: number, tree = honest) {
  const checkpoint = await signer.sign(await tree.head(size), tree.proofTo(size))
  const proof = old > size ? [] : await tree.proofTo(size)(old)
  const body = formatSubmission({ old, proof, checkpoint })
  const answer = await fetch(`${witness.said.url}/add-checkpoint`, { method: 'POST', body })
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
    checkpoint,
  }
}

test('each status code of the specification, in the order of a log’s life', async () => {
  const first = await submit(5, 0)
  assert.equal(first.status, 200)
  const keys = [parseVkey(witness.said.vkey as string) as VerifierKey]
  const opened = await verifyNote(`${first.checkpoint}${first.text}`, keys)
  assert.ok(Math.abs((opened?.signatures[0]?.time ?? 0) - Date.now() / 1000) < 60)
  assert.deepEqual(
    [
      (await submit(3, 5)).status,
      (await submit(9, 4)).status,
      (await submit(9, 5, forged)).status,
      (await submit(5, 5, forged)).status,
      (await submit(5, 5)).status,
      (await submit(9, 5)).status,
    ],
    [400, 409, 422, 422, 200, 200],
  )
  const conflict = await submit(9, 0)
  assert.deepEqual([conflict.status, conflict.type, conflict.text], [409, 'text/x.tlog.size', '9\n'])
})

test('a hundred requests at once from one size: one is cosigned, and no cosigned head is rolled back', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => submit(10 + (n % 50), 9, n % 2 === 0 ? honest : forged)),
  )
  const cosigned = answers.filter(({ status }) => status === 200)
  assert.equal(cosigned.length, 1)
  const hashed = hash('sha256', ORIGIN, 'hex')
  const kept = await (await fetch(`${witness.said.url}/${hashed}/checkpoint`)).text()
  assert.ok(kept.startsWith(cosigned[0]?.checkpoint.split('\n\n')[0] as string))
  for (const { status, text } of answers)
    if (status !== 200) assert.equal(text === `${kept.split('\n')[1]}\n` || status === 422, true)
})

test('killed the moment it has answered, it remembers what it cosigned', async () => {
  const at = Number((await submit(1, 0)).text)
  for (let size = at + 1; size <= at + 3; size++) {
    assert.equal((await submit(size, size - 1)).status, 200)
    await witness.kill('SIGKILL')
    await witness.start()
    const again = await submit(size, size - 1)
    assert.deepEqual([again.status, again.text], [409, `${size}\n`])
    assert.equal((await submit(size + 9, size, forged)).status, 422)
  }
})

test('a log that falls silent raises an alarm, in the output and at /health', async () => {
  await eventually(() => /ALARM: the log log\.example\.org is silent/.exec(witness.errors)?.[0])
  const health = await eventually(async () => {
    const answer = await fetch(`${witness.said.url}/health`)
    return answer.status === 503 ? answer : undefined
  })
  assert.deepEqual(await health.json(), { silent: [ORIGIN] })
})
