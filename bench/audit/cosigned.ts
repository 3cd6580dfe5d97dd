import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { VerifierKey } from '../../packages/evidence/src/index.ts'
import { parsePolicy, parseVkey } from '../../packages/evidence/src/index.ts'
import { diskFiles } from '../../packages/gateway/src/audit/files.ts'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { witnessServer } from '../../packages/gateway/src/audit/witness/server.ts'
import { Witness } from '../../packages/gateway/src/audit/witness/witness.ts'
import { Witnesses } from '../../packages/gateway/src/audit/witness/witnesses.ts'
import { systemClock } from '../../packages/gateway/src/lib/clock.ts'

/**
 * What a call waits in `audit.cosigned_before`: an entry of 600 bytes made durable, put into tiles and signed, cosigned by both of two
 * witnesses over loopback HTTP, each with its own flush, all in this process; beside it, in the same run, the entry made durable alone.
 */

const WRITERS = [1, 16, 128]
const SECONDS = 5

const dir = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'ostiary-cosigned-'))
const clock = systemClock()
const log = await AuditLog.open({
  dir,
  signer: fileSigner(join(dir, 'keys/log.key'), 'bench.example.org'),
  clock,
})
const key = parseVkey(log.vkey) as VerifierKey
const lines: string[] = []
const servers = []
for (const name of ['a', 'b']) {
  const witness = new Witness({
    dir: join(dir, name),
    name,
    logs: [key],
    clock,
    files: diskFiles,
    silenceMs: 60_000,
  })
  const server = witnessServer(witness, console.error)
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  servers.push(server)
  lines.push(`witness ${name} ${witness.vkey} http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}
const parsed = parsePolicy(`${lines.join('\n')}\ngroup both all a b\nquorum both\n`)
if (!('policy' in parsed)) throw new Error(parsed.problem)
const onProblem = (name: string, problem: string | undefined) => {
  if (problem !== undefined) console.error(name, problem)
}
const witnesses = new Witnesses({ log, policy: parsed.policy, clock, onProblem })

async function measure(writers: number, work: () => Promise<unknown>): Promise<string> {
  const times: number[] = []
  const end = performance.now() + SECONDS * 1000
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() < end) {
        const began = performance.now()
        await work()
        times.push(performance.now() - began)
      }
    }),
  )
  times.sort((a, b) => a - b)
  const at = (share: number) => (times[Math.floor(times.length * share)] as number).toFixed(1)
  return `${Math.round(times.length / SECONDS)}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`
}

const append = () =>
  log.append({ type: 'call.intent', actor: { kind: 'gateway' }, data: { text: 'x'.repeat(530) } })
for (const writers of WRITERS) {
  console.log(`${writers} waiting: durable       ${await measure(writers, append)}`)
  console.log(
    `${writers} waiting: and cosigned  ${await measure(writers, async () => witnesses.cosigned((await append()).index, 60_000))}`,
  )
}

witnesses[Symbol.dispose]()
for (const server of servers) {
  server.closeAllConnections()
  server.close()
}
await log.close()
rmSync(dir, { recursive: true, force: true })
