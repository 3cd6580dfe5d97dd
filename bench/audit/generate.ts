import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { canonicalize, leafHash } from '../../packages/evidence/src/index.ts'
import type { Files } from '../../packages/gateway/src/audit/files.ts'
import { diskFiles } from '../../packages/gateway/src/audit/files.ts'
import { logName } from '../../packages/gateway/src/audit/log-name.ts'
import { fileSigner } from '../../packages/gateway/src/audit/signers/file.ts'
import { Tree } from '../../packages/gateway/src/audit/tree.ts'
import type { WorkOptions } from './work.ts'
import { work } from './work.ts'

/** Whole tiles of two levels, so that a batch leaves few partial files behind. */
const BATCH = 65_536

/**
 * Writes a true log of `count` entries into the data folder `dir`: tiles, bundles, a signed checkpoint and the key. A gateway opens
 * it, an auditor verifies it. Only the journal and the flushes are left out, which would take most of the time.
 * @returns seconds it took
 */
export async function generateLog(dir: string, count: number, options?: WorkOptions): Promise<number> {
  const began = performance.now()
  const log = join(dir, 'log')
  const tree = new Tree(unflushed(), log)
  await tree.load(0)
  const entries = work(options)
  while (tree.size < count) {
    const batch = Array.from({ length: Math.min(BATCH, count - tree.size) }, () => {
      const entry = Buffer.from(canonicalize(entries.next().value))
      return { entry, hash: leafHash(entry), body: undefined }
    })
    await tree.extend(batch)
  }
  const signer = fileSigner(join(dir, 'keys', 'log.key'), logName(dir))
  const note = await signer.sign({ size: tree.size, root: await tree.root() }, async () => [])
  await diskFiles.put(join(log, 'checkpoint'), Buffer.from(note))
  await diskFiles.put(join(log, 'vkey'), Buffer.from(`${signer.vkey}\n`))
  return (performance.now() - began) / 1000
}

function unflushed(): Files {
  const made = new Set<string>()
  return {
    ...diskFiles,
    async put(path, data) {
      const folder = dirname(path)
      if (!made.has(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 })
      made.add(folder)
      writeFileSync(path, data, { mode: 0o600 })
    },
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { entries: { type: 'string', default: '1000000' } },
  })
  const [dir] = positionals
  if (dir === undefined)
    throw new Error('usage: node bench/audit/generate.ts <empty folder> [--entries 1000000]')
  const seconds = await generateLog(dir, Number(values.entries))
  process.stdout.write(`${values.entries} entries in ${seconds.toFixed(1)} s\n`)
}
