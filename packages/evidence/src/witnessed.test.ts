import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatCheckpoint } from './checkpoint.ts'
import { leafHash } from './merkle.ts'
import { openCheckpoint, verifyNote } from './note.ts'
import type { Policy } from './policy.ts'
import { parsePolicy } from './policy.ts'
import { formatReceipt, verifyReceipt } from './receipt.ts'
import { TestSigner } from './testing.ts'
import { openWitnessed } from './witnessed.ts'

const ORIGIN = 'log.example.org'
const log = new TestSigner(ORIGIN)
const wits = [
  new TestSigner('w.example.org/1', 'cosignature/v1'),
  new TestSigner('w.example.org/2', 'ml-dsa-44'),
  new TestSigner('w.example.org/3', 'cosignature/v1'),
] as const
const entry = Buffer.from('entry')
const text = formatCheckpoint({ origin: ORIGIN, size: 1, root: leafHash(entry) })
const note = (...lines: string[]) => `${text}\n${log.line(text)}${lines.join('')}`

function policy(quorum = 'any', logs: readonly TestSigner[] = [log]): Policy {
  const result = parsePolicy(
    [
      ...logs.map(({ vkey }) => `log ${vkey}`),
      ...wits.map(({ vkey }, i) => `witness w${i + 1} ${vkey}`),
      `group g ${quorum} w1 w2 w3`,
      'quorum g',
      '',
    ].join('\n'),
  )
  assert.ok('policy' in result, JSON.stringify(result))
  return result.policy
}

test('each kind of cosignature counts, with its time, and for its own witness', async () => {
  const opened = await openWitnessed(note(...wits.map((w, i) => w.line(text, 100 + i))), policy('all'))
  assert.equal(opened?.isQuorum, true)
  assert.deepEqual(opened?.cosignatures, [
    { witness: 'w1', time: 100 },
    { witness: 'w2', time: 101 },
    { witness: 'w3', time: 102 },
  ])
  assert.equal(opened?.log.name, ORIGIN)
})

test('a quorum is not met by one witness twice, by strangers, or by a cosignature without a time', async () => {
  const [first] = wits
  const stranger = new TestSigner('w.example.org/1', 'cosignature/v1')
  for (const lines of [
    [first.line(text, 1), first.line(text, 2)],
    [first.line(text), stranger.line(text)],
    [first.line(text), wits[1].line(text, 0)],
    [first.line(text)],
  ]) {
    const opened = await openWitnessed(note(...lines), policy('2'))
    assert.equal(opened?.isQuorum, false)
    assert.deepEqual(
      opened?.cosignatures.map(({ witness }) => witness),
      ['w1'],
    )
  }
})

test('a false signature of a known witness spoils the note, whatever else is in it', async () => {
  const other = formatCheckpoint({ origin: ORIGIN, size: 2, root: leafHash(entry) })
  for (const witness of wits) {
    const good = wits.filter((w) => w !== witness).map((w) => w.line(text))
    assert.equal(await openWitnessed(note(...good, witness.line(other)), policy('any')), undefined)
    const cut = witness.line(text).replace(/ \S+\n$/, (s) => ` ${s.trim().slice(0, 12)}\n`)
    assert.equal(await openWitnessed(note(...good, cut), policy('any')), undefined)
  }
})

test('a cosignature does not say more than it does: another time, another name or another log is refused', async () => {
  for (const witness of wits) {
    const [id, data] = [witness.parsed.id, Buffer.from(witness.line(text).split(' ')[2] as string, 'base64')]
    data.writeBigUInt64BE(99n, id.length)
    const moved = `\u2014 ${witness.name} ${data.toString('base64')}\n`
    assert.equal(await verifyNote(`${text}\n${moved}`, [witness.parsed]), undefined, witness.parsed.kind)
    const foreign = text.replace(ORIGIN, 'else.example.org')
    assert.equal(await verifyNote(`${foreign}\n${witness.line(text)}`, [witness.parsed]), undefined)
  }
})

test('a witness’s key is no log’s key, though its signature verifies', async () => {
  const witness = new TestSigner(ORIGIN, 'cosignature/v1')
  assert.ok(await verifyNote(`${text}\n${witness.line(text)}`, [witness.parsed]))
  assert.equal(await openCheckpoint(`${text}\n${witness.line(text)}`, witness.parsed), undefined)
})

test('a receipt is good under a policy when the quorum saw its checkpoint, and says who', async () => {
  const receipt = formatReceipt({ index: 0, proof: [], checkpoint: note(wits[0].line(text, 7)) })
  assert.deepEqual(await verifyReceipt({ receipt, entry, policy: policy('any') }), {
    ok: true,
    index: 0,
    size: 1,
    cosignatures: [{ witness: 'w1', time: 7 }],
  })
  assert.deepEqual(await verifyReceipt({ receipt, entry, policy: policy('2') }), {
    ok: false,
    problem: 'too few witnesses cosigned the checkpoint',
  })
  const elsewhere = new TestSigner('else.example.org')
  for (const input of [
    { policy: policy('any', [elsewhere]) },
    { policy: policy('any', [elsewhere]), vkey: log.vkey },
    { policy: policy('any'), vkey: elsewhere.vkey },
    { policy: policy('any', []) },
    {},
  ])
    assert.equal((await verifyReceipt({ receipt, entry, ...input })).ok, false)
  assert.equal(
    (await verifyReceipt({ receipt, entry, policy: policy('any', []), vkey: log.vkey })).ok,
    true,
    'a policy without logs, for one that is known from elsewhere',
  )
})

test('no changed character of a cosigned checkpoint makes it say anything else, or adds a witness', async () => {
  const whole = note(...wits.map((w) => w.line(text, 5)))
  const names = ['w1', 'w2', 'w3']
  // The signature of ML-DSA-44 is most of the note; the rest must not be missed.
  const at = fc.oneof(fc.nat(text.length + 200), fc.nat(whole.length - 1))
  await fc.assert(
    fc.asyncProperty(at, fc.string({ maxLength: 3 }), async (index, piece) => {
      const bent = whole.slice(0, index) + piece + whole.slice(index + 1)
      const opened = await openWitnessed(bent, policy('any'))
      if (!opened) return
      assert.deepEqual([opened.checkpoint.origin, opened.checkpoint.size], [ORIGIN, 1])
      assert.deepEqual(Buffer.from(opened.checkpoint.root), Buffer.from(leafHash(entry)))
      for (const { witness, time } of opened.cosignatures) assert.ok(names.includes(witness) && time === 5)
    }),
    { numRuns: 300 },
  )
  await fc.assert(
    fc.asyncProperty(fc.string(), async (junk) => {
      await openWitnessed(junk, policy('any'))
      await openWitnessed(`${text}\n${junk}\n`, policy('any'))
    }),
  )
})

test('a key that was ground until it has the id of the log’s is not the log of the policy', async () => {
  const other = new TestSigner(ORIGIN)
  const ground = { ...other.parsed, id: log.parsed.id }
  const line = other.line(text).replace(/\S+\n$/, (data) => {
    const bytes = Buffer.from(data, 'base64')
    log.parsed.id.forEach((byte, i) => {
      bytes[i] = byte
    })
    return `${bytes.toString('base64')}\n`
  })
  assert.ok(await verifyNote(`${text}\n${line}`, [ground]), 'it signs')
  assert.equal(await openWitnessed(`${text}\n${line}`, policy(), ground), undefined)
})

test('a note beyond any bound is refused before its signatures are checked', async () => {
  const giant = `${text}${'x'.repeat(2 ** 20)}\n`
  assert.equal(await verifyNote(`${giant}\n${log.line(giant)}`, [log.parsed]), undefined)
})
