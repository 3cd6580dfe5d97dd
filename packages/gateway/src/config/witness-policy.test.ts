import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatVkey } from '@ostiary/evidence'
import { ConfigInvalid } from './load.ts'
import { readWitnessesToAsk } from './witness-policy.ts'

test('no more witnesses are asked than a checkpoint can hold signatures that others read', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-policy-'))
  const path = join(dir, 'policy')
  const withWitnesses = (count: number) => {
    const lines = Array.from({ length: count }, (_, n) => {
      return `witness w${n} ${formatVkey(`w${n}`, randomBytes(32), 'cosignature/v1')} https://w${n}.example.org`
    })
    writeFileSync(path, [...lines, 'quorum w0', ''].join('\n'))
    return readWitnessesToAsk(path)
  }
  try {
    assert.equal(withWitnesses(63).witnesses.length, 63)
    assert.throws(() => withWitnesses(64), ConfigInvalid)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
