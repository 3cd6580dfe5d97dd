import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
import { inclusionProof, leafHash, nodeHash } from './merkle.ts'
import { openCheckpoint, openNote } from './note.ts'
import { formatReceipt, parseReceipt, verifyReceipt } from './receipt.ts'
import { formatVkey, keyId, parseVkey } from './vkey.ts'

const ORIGIN = 'log.example.org'
const signer = (name = ORIGIN) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url')
  const line = (text: string) =>
    `\u2014 ${name} ${Buffer.concat([keyId(name, raw), sign(null, Buffer.from(text), privateKey)]).toString('base64')}\n`
  const vkey = formatVkey(name, raw)
  const parsed = parseVkey(vkey)
  assert.ok(parsed)
  return { vkey, parsed, line, raw, note: (text: string) => `${text}\n${line(text)}` }
}
const log = signer()
const other = signer('other.example.org')

test('verifier keys in use elsewhere are read, and malformed ones are not', () => {
  const sumdb = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
  assert.equal(parseVkey(sumdb)?.name, 'sum.golang.org')
  assert.equal(formatVkey('sum.golang.org', parseVkey(sumdb)?.key as Uint8Array), sumdb)
  for (const text of [
    '',
    'x',
    sumdb.replace('033de0ae', '033de0af'),
    sumdb.replace('033de0ae', '033DE0AE'),
    sumdb.replace('sum.', 'sun.'),
    sumdb.slice(0, -4),
    sumdb.replace('+Ac4', '+Bc4'),
    // A cosignature key (type 4) is no log key.
    'Wit1+55ee4561+AVhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk'.replace('+AVhZ', '+BFhZ'),
    `a b+033de0ae+${sumdb.split('+').slice(2).join('+')}`,
  ])
    assert.equal(parseVkey(text), undefined, text)
  assert.equal(parseVkey('Wit1+55ee4561+AVhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk')?.name, 'Wit1')
})

test('a note opens for the key that signed it, beside signatures of others, and for no other', async () => {
  const text = 'first\n\nthird\n'
  const both = `${text}\n${other.line(text)}${log.line(text)}`
  assert.equal(await openNote(both, log.parsed), text)
  assert.equal(await openNote(both, other.parsed), text)
  assert.equal(await openNote(both, signer().parsed), undefined)
  const bad = log.note(text).replace('third', 'fourth')
  assert.equal(await openNote(bad, log.parsed), undefined)
  assert.equal(
    await openNote(`${bad}${log.line('first\n\nfourth\n')}`, log.parsed),
    undefined,
    'one of two is false',
  )
  for (const note of [
    '',
    '\n',
    '\n\n',
    text,
    `${text}\n`,
    log.note(text).slice(0, -1),
    log.note(text).replace('\u2014', '-'),
    `${log.note(text)}garbage\n`,
    log.note('tab\there\n'),
    `${text}\n\u2014 ${ORIGIN} AAAA\n`,
    `${text}\n\u2014 ${ORIGIN} ${Buffer.from(keyId(ORIGIN, log.raw)).toString('base64')}\n`,
    `${text}\n${other.line(text).repeat(64)}${log.line(text)}`,
  ])
    assert.equal(await openNote(note, log.parsed), undefined, JSON.stringify(note))
})

test('a checkpoint is read only in its one form, and only from the log it names', async () => {
  const root = Uint8Array.from(leafHash(Uint8Array.of(1)))
  const text = formatCheckpoint({ origin: ORIGIN, size: 12, root })
  assert.deepEqual(parseCheckpoint(text), { origin: ORIGIN, size: 12, root })
  for (const size of [
    '012',
    '-1',
    '+1',
    '1.5',
    '',
    ' 1',
    '1e3',
    '0x1',
    '9999999999999999',
    '12345678901234567',
  ])
    assert.equal(parseCheckpoint(text.replace('\n12\n', `\n${size}\n`)), undefined, size)
  assert.equal(parseCheckpoint(`${ORIGIN}\n1\n${Buffer.alloc(31).toString('base64')}\n`), undefined)
  assert.equal(parseCheckpoint(`\n1\n${Buffer.alloc(32).toString('base64')}\n`), undefined)
  assert.equal(
    parseCheckpoint(`${ORIGIN}\n1\n${Buffer.alloc(32, 0xff).toString('base64url')}=\n`)?.size,
    undefined,
  )
  assert.ok(await openCheckpoint(log.note(text), log.parsed))
  const foreign = formatCheckpoint({ origin: 'else.example.org', size: 12, root })
  assert.equal(await openCheckpoint(log.note(foreign), log.parsed), undefined)
})

const entries = ['a', 'b', 'c', 'd', 'e'].map((text) => Buffer.from(text))
const node = (level: number, index: number): Uint8Array =>
  level === 0
    ? leafHash(entries[index] as Buffer)
    : nodeHash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

async function receiptOf(index: number): Promise<string> {
  const root = nodeHash(node(2, 0), node(0, 4))
  const checkpoint = log.note(formatCheckpoint({ origin: ORIGIN, size: 5, root }))
  return formatReceipt({ index, proof: await inclusionProof(node, index, 5), checkpoint })
}

test('a receipt proves its own entry and no other, with the right key only', async () => {
  for (const [index, entry] of entries.entries()) {
    const receipt = await receiptOf(index)
    assert.deepEqual(await verifyReceipt({ receipt, entry, vkey: log.vkey }), { ok: true, index, size: 5 })
    assert.equal((await verifyReceipt({ receipt, entry: Buffer.from('x'), vkey: log.vkey })).ok, false)
    assert.equal((await verifyReceipt({ receipt, entry, vkey: other.vkey })).ok, false)
    assert.equal((await verifyReceipt({ receipt, entry, vkey: 'none' })).ok, false)
    const moved = receipt.replace(`index ${index}`, `index ${(index + 1) % 5}`)
    assert.equal((await verifyReceipt({ receipt: moved, entry, vkey: log.vkey })).ok, false)
    const extra = receipt.replace('\nindex', '\nextra AAAA\nindex')
    assert.equal((await verifyReceipt({ receipt: extra, entry, vkey: log.vkey })).ok, true)
  }
})

test('no changed character of a receipt lets it prove anything else, and no text makes the parsers throw', async () => {
  const receipt = await receiptOf(2)
  const entry = entries[2] as Buffer
  await fc.assert(
    fc.asyncProperty(fc.nat(receipt.length - 1), fc.string({ maxLength: 3 }), async (at, text) => {
      const bent = receipt.slice(0, at) + text + receipt.slice(at + 1)
      const check = await verifyReceipt({ receipt: bent, entry, vkey: log.vkey })
      if (check.ok) assert.deepEqual(check, { ok: true, index: 2, size: 5 })
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseReceipt(text)
      parseCheckpoint(text)
      parseVkey(text)
    }),
  )
  for (const broken of [
    '',
    receipt.slice(1),
    receipt.replace('index 2', 'index 02'),
    receipt.replace('\n\n', '\n'),
  ])
    assert.equal((await verifyReceipt({ receipt: broken, entry, vkey: log.vkey })).ok, false)
})

test('a receipt with a million lines of proof is refused at once, and not decoded first', () => {
  const text = `c2sp.org/tlog-proof@v1\nindex 0\n${'A\n'.repeat(1_000_000)}\n`
  const decoded: string[] = []
  const { atob } = globalThis
  globalThis.atob = (data) => {
    decoded.push(data)
    return atob(data)
  }
  try {
    assert.equal(parseReceipt(text), undefined)
  } finally {
    globalThis.atob = atob
  }
  assert.deepEqual(decoded, [])
})
