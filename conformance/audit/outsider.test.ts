import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { canonicalize } from '../../packages/evidence/src/index.ts'
import { entriesOf, forge } from '../support/forged-log.ts'
import { findGo, GO_PROGRAM } from '../support/go.ts'
import { startWitnessed, untilWitnessed } from '../support/witness.ts'

/** What a third party sees: copies of files, on a machine where no gateway runs, and programs that are not the gateway's. */

const run = promisify(execFile)
const SCRIPT = resolve('examples/verify-as-outsider/verify.js')
const dir = mkdtempSync(join(tmpdir(), 'ostiary-outsider-'))
const at = (name: string) => join(dir, name)
let size = 0

before(async () => {
  await using scene = await startWitnessed({}, { count: 2, quorum: 'all' })
  const { gateway } = scene
  size = await untilWitnessed(scene)
  const shown = await gateway.control<{ entry: object; receipt: string }>('GET', '/audit/entries/0')
  writeFileSync(at('receipt'), shown.receipt)
  writeFileSync(at('entry.json'), JSON.stringify(shown))
  writeFileSync(at('entry'), canonicalize(shown.entry))
  cpSync(scene.policyPath, at('policy'))
  cpSync(join(gateway.dataDir, 'log'), at('log'), { recursive: true })
  cpSync(gateway.dataDir, at('stolen'), { recursive: true, filter: (path) => !path.endsWith('.sock') })
})

after(() => rmSync(dir, { recursive: true, force: true }))

/** An edited entry, and a whole history written anew with the stolen key. */
async function tampered(): Promise<{ edited: string; rewritten: string }> {
  const edited = at('edited')
  cpSync(at('log'), edited, { recursive: true })
  const bundle = join(edited, `tile/entries/000.p/${size}`)
  writeFileSync(bundle, readFileSync(bundle, 'latin1').replace('"v":1', '"v":2'), 'latin1')
  const entries = await entriesOf(at('log'))
  entries[1] = { ...(entries[1] as (typeof entries)[number]), data: { nothing: 'happened' } }
  const rewritten = await forge(at('forged'), at('stolen'), entries)
  cpSync(join(at('log'), 'checkpoint.witnessed'), join(rewritten, 'checkpoint.witnessed'))
  return { edited, rewritten }
}

const script = (...args: string[]) =>
  run(process.execPath, [SCRIPT, ...args], { cwd: dir }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, stdout: error.stdout }),
  )

test('the script of the example verifies log and receipt, and says who saw them', async () => {
  const { code, stdout } = await script('policy', 'log', 'receipt', 'entry.json')
  assert.equal(code, 0, stdout)
  assert.match(stdout, new RegExp(`The log is whole: ${size} entries, ${size} of them witnessed`))
  assert.match(stdout, /The entry is number 0 of \d+, witnessed by w1, w2/)
})

test('the script of the example finds a tampered log, a rewritten one, and a receipt of another entry', async () => {
  const { edited, rewritten } = await tampered()
  const altered = await script('policy', edited)
  assert.deepEqual([altered.code, /^altered at entry 0: /m.test(altered.stdout)], [1, true], altered.stdout)
  const anew = await script('policy', rewritten)
  assert.deepEqual([anew.code, /^rewritten: /m.test(anew.stdout)], [1, true], anew.stdout)
  const { entry } = JSON.parse(readFileSync(at('entry.json'), 'utf8'))
  writeFileSync(at('other.json'), JSON.stringify({ entry: { ...entry, ts: 1 } }))
  const other = await script('policy', 'log', 'receipt', 'other.json')
  assert.deepEqual([other.code, /The receipt does not verify/.test(other.stdout)], [1, true])
})

const go = await findGo()

test('another implementation of the formats, in Go, verifies the same files and finds the same tampering', {
  skip: go.skip,
}, async () => {
  const bin = at('verify-go')
  await run(go.path, ['build', '-o', bin, '.'], { cwd: GO_PROGRAM })
  const verify = (...args: string[]) =>
    run(bin, args, { cwd: dir }).then(
      ({ stdout }) => stdout,
      (error: { stderr: string }) => error.stderr,
    )
  assert.match(
    await verify('policy', 'log', 'receipt', 'entry'),
    new RegExp(`ok: ${size} entries, 2 cosignatures, receipt of entry 0`),
  )
  const { edited, rewritten } = await tampered()
  assert.match(await verify('policy', edited), /^entry 0:/m)
  assert.match(await verify('policy', rewritten), /root|entry/)
})
