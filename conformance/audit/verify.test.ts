import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { BIN } from '../support/gateway.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-verify-'))
let held = ''

async function write(into: string, from: number, to: number): Promise<string> {
  const log = await AuditLog.open({
    dir: into,
    signer: fileSigner(join(into, 'keys', 'log.key'), 'log.example.org'),
    clock: { now: () => from },
  })
  for (let n = from; n < to; n++) {
    await log.append({ type: 'call.intent', actor: { kind: 'gateway' }, data: { n } })
  }
  await log.close()
  return log.checkpoint()
}

const verify = (...args: string[]) =>
  spawnSync(process.execPath, [BIN, 'audit', 'verify', ...args], { cwd: dir, encoding: 'utf8' })

/** A copy of the log for one attack. */
function copy(name: string): string {
  cpSync(join(dir, 'true'), join(dir, name), { recursive: true })
  return join(dir, name, 'log')
}

before(async () => {
  held = await write(join(dir, 'true'), 1, 20)
  writeFileSync(join(dir, 'held'), held)
})

after(() => rmSync(dir, { recursive: true, force: true }))

test('an untouched log verifies, with and without a kept checkpoint', () => {
  for (const more of [[], ['--held', 'held']]) {
    const { status, stdout } = verify('--log', 'true/log', ...more)
    assert.equal(status, 0)
    assert.match(stdout, /The log is whole: 20 entries/)
  }
})

test('an edited record is named by its index, and the exit code says unverified', () => {
  const log = copy('edited')
  const path = join(log, 'tile/entries/000.p/20')
  const bytes = readFileSync(path)
  const at = bytes.indexOf('"n":7')
  assert.ok(at > 0)
  bytes.write('"n":8', at)
  writeFileSync(path, bytes)
  const { status, stdout, stderr } = verify('--log', log)
  assert.equal(status, 5)
  assert.match(stdout, /^altered at entry 7: /m)
  assert.match(stderr, /does not verify/)
  const json = verify('--log', log, '--json')
  assert.equal(json.status, 5)
  assert.match(json.stdout, /"kind":\s*"altered"/)
})

test('a bundle cut short, and a forged checkpoint, are reported', () => {
  const short = copy('short')
  const path = join(short, 'tile/entries/000.p/20')
  writeFileSync(path, readFileSync(path).subarray(0, 300))
  assert.match(verify('--log', short).stdout, /^missing at entry \d+: /m)
  const forged = copy('forged')
  writeFileSync(join(forged, 'checkpoint'), held.replace('\n20\n', '\n19\n'))
  const { status, stdout } = verify('--log', forged)
  assert.equal(status, 5)
  assert.match(stdout, /^signature: /m)
})

test('a history rewritten with the log’s own key passes alone, and fails against a kept checkpoint', async () => {
  cpSync(join(dir, 'true', 'keys'), join(dir, 'rewritten', 'keys'), { recursive: true })
  await write(join(dir, 'rewritten'), 2, 30)
  assert.equal(verify('--log', 'rewritten/log').status, 0)
  const { status, stdout } = verify('--log', 'rewritten/log', '--held', 'held')
  assert.equal(status, 5)
  assert.match(stdout, /^rewritten: /m)
})

test('a log signed by another key fails against the public key that was kept', async () => {
  await write(join(dir, 'foreign'), 1, 20)
  const vkey = readFileSync(join(dir, 'true/log/vkey'), 'utf8').trim()
  assert.equal(verify('--log', 'foreign/log').status, 0)
  const { status, stdout } = verify('--log', 'foreign/log', '--vkey', vkey)
  assert.equal(status, 5)
  assert.match(stdout, /^signature: /m)
})
