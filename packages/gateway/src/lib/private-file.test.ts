import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { NotPrivate, privateKey, readPrivateFile, writePrivateFile } from './private-file.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-private-'))
after(() => rmSync(dir, { recursive: true, force: true }))

test('a secret is there whole, readable by this account only, with nothing left beside it', () => {
  const path = join(dir, 'deep', 'secret')
  const data = Buffer.alloc(3_000_000, 7)
  writePrivateFile(path, data)
  assert.deepEqual(readPrivateFile(path), data)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(statSync(join(dir, 'deep')).mode & 0o777, 0o700)
  assert.ok(!existsSync(`${path}.tmp`))
})

test('a readable file put in the way of a secret does not make it readable', () => {
  const path = join(dir, 'planted')
  writeFileSync(`${path}.tmp`, 'x')
  chmodSync(`${path}.tmp`, 0o644)
  writePrivateFile(path, Buffer.from('secret'))
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a secret that others may read is refused with the command that closes it', () => {
  const path = join(dir, 'open')
  writePrivateFile(path, Buffer.from('secret'))
  chmodSync(path, 0o640)
  assert.throws(
    () => readPrivateFile(path),
    (error) => error instanceof NotPrivate && error.message.includes(`chmod 600 ${path}`),
  )
})

test('a key is drawn once, and a damaged one is refused rather than replaced', () => {
  const path = join(dir, 'key')
  const key = privateKey(path)
  assert.equal(key.length, 32)
  assert.deepEqual(privateKey(path), key)
  writePrivateFile(path, key.subarray(1))
  assert.throws(() => privateKey(path), NotPrivate)
})
