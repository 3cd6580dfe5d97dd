import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Checkpoint } from './checkpoint.ts'
import { consistencyProof, leafHash, nodeHash, rangeHash, verifyConsistency } from './merkle.ts'
import { openCheckpoint, verifyNote } from './note.ts'
import { parsePolicy } from './policy.ts'
import { entriesPath, parseEntries, tilePath } from './tiles.ts'
import { verifyLog } from './verify-log.ts'
import type { VerifierKey } from './vkey.ts'
import { formatVkey, parseVkey } from './vkey.ts'

/** Bytes that others wrote; each file says where they come from. */
const read = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', 'vectors', name), 'utf8'))
const tessera = read('tessera-log.json') as {
  vkey: string
  checkpoints: string[]
  entries: string
  tile: string
}
const torchwood = read('torchwood.json') as {
  mlDsaLog: { vkey: string; note: string }
  checksumDatabase: { vkey: string; requests: { checkpoint: string }[] }
  policy: string
}

/** The example of C2SP signed-note. */
const EXAMPLE_NOTE = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`
const VKEYS = [
  'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
  'Wit1+55ee4561+AVhZSmQj9+SoL+p/nN0Hh76xXmF7QcHfytUrI1XfSClk',
  'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  'witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G',
  'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
]

test('verifier keys of others are read and written as they are', () => {
  for (const vkey of [...VKEYS, torchwood.mlDsaLog.vkey]) {
    const { name, key, kind } = parseVkey(vkey) as VerifierKey
    assert.equal(formatVkey(name, key, kind), vkey)
  }
})

test('the example note of the specification has one signature, by a key that is not known here', async () => {
  const key = parseVkey(VKEYS[0] as string) as VerifierKey
  assert.equal(await verifyNote(EXAMPLE_NOTE, [key]), undefined)
})

test('the checksum database of Go signed its checkpoint', async () => {
  const { vkey, requests } = torchwood.checksumDatabase
  const [request] = requests
  const opened = await verifyNote(request?.checkpoint as string, [parseVkey(vkey) as VerifierKey])
  assert.equal(opened?.text.split('\n')[1], '35225469')
})

test('a log that signs with ML-DSA-44 is verified over the structure that others made', async () => {
  const { vkey, note } = torchwood.mlDsaLog
  const key = parseVkey(vkey) as VerifierKey
  assert.deepEqual((await verifyNote(note, [key]))?.signatures, [{ key, time: 0 }])
  assert.equal(await verifyNote(note.replace('\n1\n', '\n2\n'), [key]), undefined)
})

test('a policy in use elsewhere is read', () => {
  const parsed = parsePolicy(torchwood.policy)
  assert.ok('policy' in parsed, JSON.stringify(parsed))
  assert.equal(parsed.policy.isQuorum(new Set(['Mullvad'])), false)
  assert.equal(parsed.policy.isQuorum(new Set(['Mullvad', 'Geomys'])), true)
})

test('the sixteen checkpoints of a log that Tessera wrote are signed, and are the roots of its entries', async () => {
  const vkey = parseVkey(tessera.vkey) as VerifierKey
  const leaves = (parseEntries(Buffer.from(tessera.entries, 'base64')) as Uint8Array[]).map(leafHash)
  assert.ok(Buffer.concat(leaves).equals(Buffer.from(tessera.tile, 'base64')), 'its tile holds these hashes')
  const at = (level: number, index: number): Uint8Array =>
    level === 0
      ? (leaves[index] as Uint8Array)
      : nodeHash(at(level - 1, 2 * index), at(level - 1, 2 * index + 1))
  const opened: Checkpoint[] = []
  for (const [size, note] of tessera.checkpoints.entries()) {
    const checkpoint = (await openCheckpoint(note, vkey)) as Checkpoint
    assert.equal(checkpoint.size, size)
    assert.deepEqual(Buffer.from(await rangeHash(at, 0, size)), Buffer.from(checkpoint.root))
    opened.push(checkpoint)
  }
  for (const second of opened) {
    for (const first of opened.slice(0, second.size + 1)) {
      const proof = await consistencyProof(at, first.size, second.size)
      assert.ok(verifyConsistency(first.size, second.size, first.root, second.root, proof))
    }
  }
})

test('a whole log that Tessera wrote verifies, and does not when a byte of it is another', async () => {
  const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))
  const files = new Map<string, Uint8Array>([
    ['checkpoint', Buffer.from(tessera.checkpoints.at(-1) as string)],
    [entriesPath(0, 15), bytes(tessera.entries)],
    [tilePath(0, 0, 15), bytes(tessera.tile)],
  ])
  const verify = () => verifyLog(async (path) => files.get(path), { vkey: tessera.vkey })
  assert.deepEqual((await verify()).problems, [])
  const bent = bytes(tessera.entries)
  bent[bent.length - 1] = 0
  files.set(entriesPath(0, 15), bent)
  assert.deepEqual(
    (await verify()).problems.map(({ kind, index }) => [kind, index]),
    [['altered', 14]],
  )
})
