import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import type { VerifierKey } from '../../packages/evidence/src/index.ts'
import { canonicalize, parseVkey } from '../../packages/evidence/src/index.ts'
import { diskFiles } from '../../packages/gateway/src/audit/files.ts'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { formatSubmission } from '../../packages/gateway/src/audit/witness/submission.ts'
import { Witness } from '../../packages/gateway/src/audit/witness/witness.ts'

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const SOURCES = resolve('packages/evidence/src')
const ENTRIES = 300

/** What the page runs, with nothing but the verifier's own sources. */
const PAGE = `<!doctype html>
<script type="importmap">{"imports": {"#sha256": "/src/sha256.ts"}}</script>
<script type="module">
import { parsePolicy, verifyLog, verifyReceipt } from '/src/index.ts'
const read = async (path) => {
  const answer = await fetch('/log/' + path)
  return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined
}
const text = async (path) => new TextDecoder().decode(await read(path))
const vkey = await text('vkey')
const report = await verifyLog(read, { vkey })
const edited = await verifyLog(async (path) => {
  const bytes = await read(path)
  if (path === 'tile/entries/000') bytes[10] ^= 1
  return bytes
}, { vkey })
const entry = await read('../entry')
const receipt = await text('../receipt')
const check = await verifyReceipt({ receipt, entry, vkey })
const other = await verifyReceipt({ receipt, entry: entry.slice(1), vkey })
const { policy } = parsePolicy(await text('../policy'))
const cosigned = await text('../cosigned')
const witnessed = await verifyReceipt({ receipt: cosigned, entry, policy })
const unwitnessed = await verifyReceipt({ receipt, entry, policy })
window.result = { report, edited, check, other, witnessed, unwitnessed }
</script>`

test('the verifier checks a log, a receipt and who witnessed it in a real browser', async (t) => {
  if (!existsSync(CHROMIUM)) return t.skip(`no Chromium at ${CHROMIUM} (set CHROMIUM)`)
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-browser-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const log = await AuditLog.open({
    dir,
    signer: fileSigner(join(dir, 'keys', 'log.key'), 'log.example.org'),
    clock: { now: () => 1 },
  })
  await Promise.all(
    Array.from({ length: ENTRIES - 1 }, (_, n) =>
      log.append({ type: 'call.intent', actor: { kind: 'gateway' }, data: { n } }),
    ),
  )
  const entry = canonicalize((await log.read(42)).entry)
  const receipt = await log.receipt(42)
  await log.close()
  const witness = new Witness({
    dir: join(dir, 'witness'),
    name: 'w.example.org/1',
    logs: [parseVkey(log.vkey) as VerifierKey],
    clock: { now: () => 7000 },
    files: diskFiles,
    silenceMs: 1000,
  })
  const { body: line } = await witness.add(
    formatSubmission({ old: 0, proof: [], checkpoint: log.checkpoint() }),
  )
  const policy = `log ${log.vkey}\nwitness one ${witness.vkey}\nquorum one\n`

  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost')
    const send = (type: string, body: string | Buffer) =>
      void res.writeHead(200, { 'content-type': type }).end(body)
    if (pathname === '/') return send('text/html', PAGE)
    if (pathname === '/entry') return send('application/octet-stream', entry)
    if (pathname === '/receipt') return send('text/plain', receipt)
    // The checkpoint is the last thing in a receipt.
    if (pathname === '/cosigned') return send('text/plain', `${receipt}${line}`)
    if (pathname === '/policy') return send('text/plain', policy)
    if (pathname.startsWith('/src/')) {
      const source = readFileSync(join(SOURCES, basename(pathname)), 'utf8')
      return send('text/javascript', stripTypeScriptTypes(source))
    }
    const file = join(dir, pathname)
    if (!pathname.startsWith('/log/') || !existsSync(file)) return void res.writeHead(404).end()
    return send('application/octet-stream', readFileSync(file))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  t.after(() => server.close())

  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  t.after(() => browser.close())
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  // Loopback by address is a secure context, which WebCrypto needs.
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const found = await page
    .waitForFunction('window.result', undefined, { timeout: 20_000 })
    .catch(() => assert.fail(errors.join('\n') || 'the page did not finish'))
  const { report, edited, check, other, witnessed, unwitnessed } = (await found.jsonValue()) as Record<
    string,
    Record<string, unknown>
  >
  assert.deepEqual([report?.ok, report?.size, report?.problems], [true, ENTRIES, []])
  assert.equal(edited?.ok, false)
  assert.deepEqual((edited?.problems as object[] | undefined)?.[0], {
    kind: 'altered',
    index: 0,
    detail: 'the entry is not the one that was hashed',
  })
  assert.deepEqual(check, { ok: true, index: 42, size: ENTRIES })
  assert.equal(other?.ok, false)
  const cosignatures = [{ witness: 'one', time: 7 }]
  assert.deepEqual(witnessed, { ok: true, index: 42, size: ENTRIES, cosignatures })
  assert.equal(unwitnessed?.ok, false)
  assert.deepEqual(errors, [])
})
