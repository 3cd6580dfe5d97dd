import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { VerifierKey } from '@ostiary/evidence'
import { formatCheckpoint, formatVkey, openCheckpoint, parseVkey } from '@ostiary/evidence'
import { diskFiles } from '../files.ts'
import { logName } from '../log-name.ts'
import { publicKeyOf, signingKey } from '../signing-key.ts'
import { GrowingTree, ORIGIN } from '../testing.ts'
import { formatSubmission } from '../witness/submission.ts'
import { commandSigner } from './command.ts'
import { signerContract } from './contract.ts'
import { fileSigner } from './file.ts'
import { SigningService, signingServer } from './service.ts'
import { SigningFailed } from './signer.ts'
import { socketSigner } from './socket.ts'

const folder = () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-signer-'))
  return { dir, [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true }) }
}

signerContract('a file', async () => {
  const place = folder()
  return { ...place, signer: fileSigner(join(place.dir, 'log.key'), ORIGIN) }
})

/** Stands for the client of a KMS: another program, with the key out of our reach. */
function program(dir: string, body = 'sign(null, text, key).toString("base64")'): [string, string, string] {
  const path = join(dir, 'sign.mjs')
  writeFileSync(
    path,
    `import { createPrivateKey, sign } from 'node:crypto'
     import { readFileSync } from 'node:fs'
     const key = createPrivateKey(readFileSync(process.argv[2]))
     const text = readFileSync(0)
     process.stdout.write(${body})`,
  )
  return [process.execPath, path, join(dir, 'kms.key')]
}

const kmsVkey = (dir: string) => formatVkey(ORIGIN, publicKeyOf(signingKey(join(dir, 'kms.key'))))

signerContract('a command', async () => {
  const place = folder()
  return { ...place, signer: commandSigner(program(place.dir), kmsVkey(place.dir)) }
})

/** A running `ostiary signer`, as the gateway sees it. */
async function service(dir: string) {
  const served = new SigningService({ dir, origin: ORIGIN, files: diskFiles })
  const server = signingServer(served, () => {})
  const path = join(dir, 's')
  await new Promise<void>((ready) => server.listen(path, ready))
  const close = async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
  return { served, path, [Symbol.asyncDispose]: close }
}

signerContract('a socket', async () => {
  const place = folder()
  const running = await service(place.dir)
  return {
    signer: await socketSigner(running.path),
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]()
      await place[Symbol.asyncDispose]()
    },
  }
})

test('a gateway that was taken over cannot rewrite, fork or shorten the log, not even after the signer is started anew', async () => {
  await using place = folder()
  const honest = new GrowingTree()
  const forged = new GrowingTree('forged ')
  for (const round of [1, 2]) {
    await using running = await service(place.dir)
    const signer = await socketSigner(running.path)
    if (round === 1) await signer.sign(await honest.head(10), honest.proofTo(10))
    const refused = async (size: number, from: number, tree: GrowingTree) => {
      const text = formatCheckpoint({ origin: ORIGIN, ...(await tree.head(size)) })
      const proof = from > size ? [] : await tree.proofTo(size)(from)
      return (await running.served.sign(formatSubmission({ old: from, proof, checkpoint: text }))).status
    }
    assert.equal(await refused(12, 10, forged), 422, 'rewritten and longer')
    assert.equal(await refused(10, 10, forged), 422, 'another history of the same size')
    assert.equal(await refused(9, 0, honest), 409, 'begun anew, shorter')
    assert.equal(await refused(9, 9, honest), 409, 'rolled back')
    assert.equal(await refused(9, 10, honest), 400, 'the old size is beyond the new one')
    await assert.rejects(async () => signer.sign(await honest.head(9), honest.proofTo(9)), SigningFailed)
    await assert.rejects(async () => signer.sign(await forged.head(20), forged.proofTo(20)), SigningFailed)
  }
  await using running = await service(place.dir)
  const signer = await socketSigner(running.path)
  assert.ok(await signer.sign(await honest.head(12), honest.proofTo(12)), 'the honest log goes on')
})

test('the signer signs checkpoints of its own log and no other text', async () => {
  await using place = folder()
  const served = new SigningService({ dir: place.dir, origin: ORIGIN, files: diskFiles })
  const root = (await new GrowingTree().head(1)).root
  const good = formatCheckpoint({ origin: ORIGIN, size: 1, root })
  for (const checkpoint of [
    good.replace(ORIGIN, 'else.example.org'),
    `${good}one more line\n`,
    good.slice(0, -1),
    good.replace('\n1\n', '\n01\n'),
    'sign this\n',
    '',
  ])
    assert.equal((await served.sign(`old 0\n\n${checkpoint}`)).status, 400, JSON.stringify(checkpoint))
  assert.equal((await served.sign(`old 0\n\n${good}`)).status, 200)
})

test('a head that is not durable at the signer is not given out', async () => {
  await using place = folder()
  let isBroken = true
  const files = {
    ...diskFiles,
    put: (path: string, data: Uint8Array) =>
      isBroken ? Promise.reject(new Error('EIO')) : diskFiles.put(path, data),
  }
  const served = new SigningService({ dir: place.dir, origin: ORIGIN, files })
  const tree = new GrowingTree()
  const ask = async (size: number) =>
    served.sign(`old 0\n\n${formatCheckpoint({ origin: ORIGIN, ...(await tree.head(size)) })}`)
  await assert.rejects(() => ask(5))
  isBroken = false
  assert.equal((await ask(4)).status, 200, 'nothing was signed, so the log may be shorter')
})

test('a program that fails, hangs, prints something else or signs with another key signs nothing', async () => {
  await using place = folder()
  const { dir } = place
  const vkey = kmsVkey(dir)
  const head = await new GrowingTree().head(3)
  const none = new GrowingTree().proofTo(3)
  for (const body of [
    '"" + process.exit(3)',
    '"no signature"',
    '"x".repeat(5000)',
    'sign(null, Buffer.from("another text"), key).toString("base64")',
    '""',
  ]) {
    const signer = commandSigner(program(dir, body), vkey)
    await assert.rejects(() => signer.sign(head, none), SigningFailed, body)
  }
  const absent = commandSigner([join(dir, 'absent'), ''], vkey)
  await assert.rejects(() => absent.sign(head, none), /ENOENT/)
  assert.throws(() => commandSigner([process.execPath, ''], 'no key'), SigningFailed)
})

test('something else at the socket of the signer signs nothing, however it answers', async () => {
  await using place = folder()
  const socket = join(place.dir, 's')
  const { vkey } = fileSigner(join(place.dir, 'log.key'), ORIGIN)
  let answer: [number, string] = [200, 'nothing of the kind']
  const server = createServer((req, res) => {
    const [status, text] = req.url === '/vkey' ? [200, vkey] : answer
    res.writeHead(status).end(text)
  })
  await new Promise<void>((ready) => server.listen(socket, ready))
  const signer = await socketSigner(socket)
  const tree = new GrowingTree()
  for (const hostile of [
    [200, 'nothing of the kind'],
    [200, 'x'.repeat(100_000)],
    [409, 'soon\n'],
    [409, '99999\n'],
    [500, ''],
    [302, ''],
  ] as [number, string][]) {
    answer = hostile
    await assert.rejects(async () => signer.sign(await tree.head(3), tree.proofTo(3)), SigningFailed)
  }
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
  await assert.rejects(() => socketSigner(socket), SigningFailed)
})

test('a log keeps its name: a signer with another one is refused', async () => {
  await using place = folder()
  assert.equal(logName(place.dir, 'hospital.example.org/log'), 'hospital.example.org/log')
  assert.equal(logName(place.dir), 'hospital.example.org/log')
  assert.throws(() => logName(place.dir, 'other.example.org/log'), /keeps its name/)
})

test('the key of the file signer is private and stays the same', async () => {
  await using place = folder()
  const path = join(place.dir, 'log.key')
  const first = fileSigner(path, ORIGIN)
  assert.match(readFileSync(path, 'utf8'), /PRIVATE KEY/)
  assert.equal(fileSigner(path, ORIGIN).vkey, first.vkey)
  const note = await first.sign(await new GrowingTree().head(1), new GrowingTree().proofTo(1))
  assert.ok(await openCheckpoint(note, parseVkey(first.vkey) as VerifierKey))
})
