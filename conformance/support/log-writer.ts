import { hash } from 'node:crypto'
import { writeSync } from 'node:fs'
import * as system from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSystem } from '../../packages/gateway/src/audit/files.ts'
import { filesOn } from '../../packages/gateway/src/audit/files.ts'
import { AuditLog } from '../../packages/gateway/src/audit/log.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { ORIGIN } from '../../packages/gateway/src/audit/testing.ts'

/**
 * Writes to a log and kills itself at one call of the file system: `node log-writer.ts <data folder> <number of the call>`. A write is done
 * by half, any other call not at all. Says on a line each what was acknowledged, what was signed, and at the end how many calls there were.
 */

const [dir = '', at = ''] = process.argv.slice(2)
let calls = 0

/** True when this process is about to end. */
const isLast = (): boolean => calls++ === Number(at)
const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // The signal comes when it comes; nothing more happens until then.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

async function step<T>(call: () => Promise<T>): Promise<T> {
  return isLast() ? die() : await call()
}

const killing: FileSystem = {
  async open(path, flags, mode) {
    const file =
      flags === 'r' ? await system.open(path, flags) : await step(() => system.open(path, flags, mode))
    return {
      sync: () => step(() => file.sync()),
      datasync: () => step(() => file.datasync()),
      close: () => file.close(),
      async write(data, offset, length, position) {
        if (!isLast()) return await file.write(data, offset, length, position)
        await file.write(data, offset, length >> 1, position)
        return die()
      },
    }
  },
  mkdir: (path, mode) => step(() => system.mkdir(path, mode)),
  rename: (from, to) => step(() => system.rename(from, to)),
  unlink: (path) => step(() => system.unlink(path)),
  rm: (path, options) => step(() => system.rm(path, options)),
  readdir: (path) => system.readdir(path),
  readFile: (path) => system.readFile(path),
}

const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`)
const log = await AuditLog.open({
  dir,
  signer: fileSigner(join(dir, 'keys', 'log.key'), ORIGIN),
  clock: { now: () => 1_700_000_000_000 },
  checkpointMs: 2 ** 30,
  files: filesOn(killing),
})

async function append(n: number): Promise<void> {
  const body = n % 2 === 0 ? Buffer.alloc(100 + n, n) : undefined
  const reference = body && { sha256: hash('sha256', body, 'base64url'), commitment: 'x', keys: ['key_1'] }
  const { index, leaf } = await log.append(
    {
      type: 'call.intent',
      actor: { kind: 'gateway' },
      data: { n },
      ...(reference === undefined ? {} : { body: reference }),
    },
    body,
  )
  say({ index, leaf, body: body?.toString('base64url') })
}

async function publish(): Promise<void> {
  await log.publish()
  say({ signed: log.checkpoint() })
}

await append(0)
await publish()
await Promise.all([1, 2, 3, 4].map(append))
await publish()
await append(5)
await log.close()
say({ calls })
