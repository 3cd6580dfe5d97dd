import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { VerifierKey } from '@ostiary/evidence'
import { parseVkey, verifyNote } from '@ostiary/evidence'
import fc from 'fast-check'
import { diskFiles } from '../files.ts'
import { fileSigner } from '../signers/file.ts'
import { GrowingTree, ORIGIN } from '../testing.ts'
import { witnessServer } from './server.ts'
import { formatSubmission, parseSubmission } from './submission.ts'
import { NOW, serve, WitnessBench } from './testing.ts'

const HASHED = hash('sha256', ORIGIN, 'hex')

test('a checkpoint that extends the last one is cosigned, with the time, over exactly its text', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  for (const [size, old] of [
    [3, 0],
    [3, 3],
    [8, 3],
  ] as const) {
    const { status, type, body } = await bench.submit(witness, size, old)
    assert.deepEqual([status, type], [200, 'text/plain; charset=utf-8'])
    const head = await new GrowingTree().head(size)
    const text = `${ORIGIN}\n${size}\n${Buffer.from(head.root).toString('base64')}\n`
    const opened = await verifyNote(`${text}\n${body}`, [parseVkey(witness.vkey) as VerifierKey])
    assert.equal(opened?.signatures[0]?.time, NOW / 1000)
  }
})

test('each status of tlog-witness is given for its reason', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  const tree = new GrowingTree()
  const forged = new GrowingTree('forged ')
  await bench.submit(witness, 5, 0)
  const note = async (size: number, of = tree) => bench.signer.sign(await of.head(size), of.proofTo(size))
  const body = async (size: number, old: number, proof?: readonly Uint8Array[]) =>
    formatSubmission({ old, proof: proof ?? (await tree.proofTo(size)(old)), checkpoint: await note(size) })
  const status = async (text: string) => (await witness.add(text)).status

  assert.equal(await status(''), 400)
  assert.equal(await status((await body(7, 5)).replace('old 5', 'old 05')), 400)
  assert.equal(await status((await body(7, 5)).replace('old 5', 'old five')), 400)
  assert.equal(await status(await body(3, 5, [])), 400, 'the old size is beyond the checkpoint')
  assert.equal(await status(`old 5\n${'A'.repeat(43)}=\n`), 400, 'no checkpoint')
  const many = Array.from({ length: 64 }, () => Buffer.alloc(32))
  assert.equal(await status(await body(7, 5, many)), 400, 'more than 63 lines of proof')

  const other = fileSigner(`${bench.dir}/other.key`, ORIGIN)
  const byOther = await other.sign(await tree.head(7), tree.proofTo(7))
  const proof = await tree.proofTo(7)(5)
  assert.equal(await status(formatSubmission({ old: 5, proof, checkpoint: byOther })), 403, 'another key')
  const bent = (await note(7)).replace('\n7\n', '\n8\n')
  assert.equal(await status(formatSubmission({ old: 5, proof, checkpoint: bent })), 403, 'a false signature')
  const unsigned = (await note(7)).split('\n\n')[0] as string
  assert.equal(await status(formatSubmission({ old: 5, proof, checkpoint: `${unsigned}\n` })), 403)

  assert.equal(await status((await body(7, 5)).replaceAll(ORIGIN, 'unknown.example.org')), 404)

  const conflict = await witness.add(await body(7, 4))
  assert.deepEqual(conflict, { status: 409, type: 'text/x.tlog.size', body: '5\n' })
  assert.equal(await status(await body(7, 0, [])), 409, 'how a client learns the size')

  assert.equal(await status(await body(7, 5, [])), 422, 'no proof')
  assert.equal(await status(await body(7, 5, [...proof].reverse())), 422, 'a false proof')
  assert.equal(
    (await bench.submit(witness, 9, 5, forged)).status,
    422,
    'a history rewritten with the real key',
  )
  assert.equal((await bench.submit(witness, 5, 5, forged)).status, 422, 'the same size, another root')
  const fresh = bench.witness({ name: 'w.example.org/2' })
  const early = formatSubmission({ old: 0, proof: [Buffer.alloc(32)], checkpoint: await note(7) })
  assert.equal((await fresh.add(early)).status, 422, 'a proof from nothing')
  const root = Buffer.alloc(32, 1)
  const empty = await bench.signer.sign({ size: 0, root }, async () => [])
  assert.equal((await fresh.add(formatSubmission({ old: 0, proof: [], checkpoint: empty }))).status, 422)

  assert.equal(await status(await body(7, 5)), 200, 'none of it moved the witness')
})

test('a stranger who doubles the signature of a log does not make what the witness shows unreadable', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  const tree = new GrowingTree()
  const note = await bench.signer.sign(await tree.head(5), tree.proofTo(5))
  const line = note.slice(note.lastIndexOf('\u2014'))
  const checkpoint = note + line.repeat(63)
  assert.equal((await witness.add(formatSubmission({ old: 0, proof: [], checkpoint }))).status, 200)
  const shown = String(await witness.latest(HASHED))
  assert.ok(await verifyNote(shown, [parseVkey(bench.signer.vkey) as VerifierKey]))
  assert.equal(shown.match(/\u2014/g)?.length, 2)
})

test('of two requests from one size, however they come, one is cosigned and the other told the new size', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  await bench.submit(witness, 5, 0)
  const answers = await Promise.all([9, 7, 8, 6].map((size) => bench.submit(witness, size, 5)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  const size = Number((await witness.latest(HASHED))?.split('\n')[1])
  for (const { status, body } of answers) if (status !== 200) assert.equal(Number(body), size)
})

test('a fork cannot be had by asking twice at once, nor by starting the witness anew', async () => {
  using bench = new WitnessBench()
  const [honest, forged] = [new GrowingTree(), new GrowingTree('forged ')]
  const witness = bench.witness({ name: 'w.example.org/3' })
  const both = await Promise.all([honest, forged].map((tree) => bench.submit(witness, 4, 0, tree)))
  assert.deepEqual(both.map(({ status }) => status).sort(), [200, 409])
  const again = bench.witness({ name: 'w.example.org/3' })
  const after = await Promise.all([honest, forged].map((tree) => bench.submit(again, 4, 4, tree)))
  assert.deepEqual(after.map(({ status }) => status).sort(), [200, 422])
  assert.equal(again.vkey, witness.vkey)
})

test('nothing is cosigned before it is durable, and what was not does not count', async () => {
  using bench = new WitnessBench()
  let isBroken = true
  let writes = 0
  const files = {
    ...diskFiles,
    async put(path: string, data: Uint8Array) {
      writes++
      if (isBroken) throw new Error('EIO')
      await diskFiles.put(path, data)
    },
  }
  const witness = bench.witness({ files })
  await assert.rejects(() => bench.submit(witness, 5, 0), /EIO/)
  assert.equal(writes, 1)
  isBroken = false
  assert.equal((await bench.submit(witness, 4, 0)).status, 200)
  assert.equal((await bench.witness().latest(HASHED))?.split('\n')[1], '4')
})

test('what is kept opens for the log and the witness, and lines of strangers are left out', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  const tree = new GrowingTree()
  const note = await bench.signer.sign(await tree.head(2), tree.proofTo(2))
  const stranger = `\u2014 stranger.example.org ${Buffer.alloc(68, 7).toString('base64')}\n`
  const { status } = await witness.add(
    formatSubmission({ old: 0, proof: [], checkpoint: `${note}${stranger}` }),
  )
  assert.equal(status, 200)
  const kept = (await witness.latest(HASHED)) as string
  assert.ok(!kept.includes('stranger'))
  const keys = [bench.signer.vkey, witness.vkey].map((vkey) => parseVkey(vkey) as VerifierKey)
  assert.equal((await verifyNote(kept, keys))?.signatures.length, 2)
})

test('a log that does not grow is silent, also when it goes on sending the same checkpoint', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  await bench.submit(witness, 2, 0)
  bench.now += 61_000
  await bench.submit(witness, 2, 2)
  assert.deepEqual(witness.silent(), [ORIGIN])
  await bench.submit(witness, 3, 2)
  assert.deepEqual(witness.silent(), [])
})

test('over HTTP: submission, monitoring, health, and nothing else', async () => {
  using bench = new WitnessBench()
  const witness = bench.witness()
  await using server = await serve(witnessServer(witness, () => {}))
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await fetch(`${server.url}${path}`, init)
    return [answer.status, answer.headers.get('content-type'), await answer.text()] as const
  }
  assert.equal((await ask(`/${HASHED}/checkpoint`))[0], 404, 'nothing cosigned yet')
  const tree = new GrowingTree()
  const checkpoint = await bench.signer.sign(await tree.head(2), tree.proofTo(2))
  const body = formatSubmission({ old: 0, proof: [], checkpoint })
  const [status, type, line] = await ask('/add-checkpoint', { method: 'POST', body })
  assert.deepEqual([status, type], [200, 'text/plain; charset=utf-8'])
  assert.match(line, /^\u2014 w\.example\.org\/1 \S+\n$/)
  const conflict = await ask('/add-checkpoint', { method: 'POST', body })
  assert.deepEqual(conflict, [409, 'text/x.tlog.size', '2\n'])
  assert.equal((await ask(`/${HASHED}/checkpoint`))[2], `${checkpoint}${line}`)
  assert.deepEqual(await ask('/health'), [200, 'application/json', '{"silent":[]}\n'])
  bench.now += 61_000
  assert.equal((await ask('/health'))[0], 503)
  for (const [path, init, expected] of [
    ['/add-checkpoint', {}, 405],
    ['/add-checkpoint', { method: 'POST', body: 'x'.repeat(200_000) }, 413],
    [`/${HASHED}/checkpoint`, { method: 'DELETE' }, 405],
    [`/${'0'.repeat(64)}/checkpoint`, {}, 404],
    [`/${HASHED}/../witness.key`, {}, 404],
    ['/', {}, 404],
  ] as const)
    assert.equal((await ask(path, init))[0], expected, path)
})

test('a submission is read as it was written, and no text makes the reader throw', () => {
  const proof = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 })
  fc.assert(
    fc.property(fc.maxSafeNat(), proof, fc.string(), (old, hashes, checkpoint) => {
      const read = parseSubmission(formatSubmission({ old, proof: hashes, checkpoint }))
      assert.deepEqual(
        [read?.old, read?.checkpoint, read?.proof.map((h) => Buffer.from(h).toString('hex'))],
        [old, checkpoint, hashes.map((h) => Buffer.from(h).toString('hex'))],
      )
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => void parseSubmission(text)))
})
