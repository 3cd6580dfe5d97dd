import { readFileSync, statSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { verifyLog } from '../../packages/evidence/src/index.ts'

/** Size of a log on disk and time to verify all of it: `node bench/audit/verify.ts <data folder>`. See README.md. */

const [dir] = process.argv.slice(2)
if (dir === undefined) throw new Error('usage: node bench/audit/verify.ts <data folder>')
const log = join(dir, 'log')

const sizes = { entries: 0, tiles: 0, bodies: 0, journal: 0, files: 0 }
for (const item of await readdir(log, { recursive: true, withFileTypes: true })) {
  if (!item.isFile()) continue
  const path = join(item.parentPath, item.name)
  const part = path.slice(log.length + 1)
  const { size } = statSync(path)
  sizes.files++
  if (part.startsWith('tile/entries/')) sizes.entries += size
  else if (part.startsWith('tile/')) sizes.tiles += size
  else if (part.startsWith('body/')) sizes.bodies += size
  else if (part.startsWith('journal/')) sizes.journal += size
}

const cpu = process.cpuUsage()
const began = performance.now()
let bytes = 0
const report = await verifyLog(
  async (path) => {
    const data = await readFile(join(log, path)).catch(() => undefined)
    bytes += data?.length ?? 0
    return data
  },
  { vkey: readFileSync(join(log, 'vkey'), 'utf8').trim() },
)
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpu)
if (!report.ok) throw new Error(JSON.stringify(report.problems))

const mb = (n: number) => `${(n / 1e6).toFixed(0)} MB`
process.stdout.write(
  [
    `${report.size} entries: ${mb(sizes.entries)} entries (${(sizes.entries / report.size).toFixed(0)} B each), ${mb(sizes.tiles)} tiles, ${mb(sizes.bodies)} bodies, ${mb(sizes.journal)} journal, ${sizes.files} files`,
    `verified in ${seconds.toFixed(1)} s: ${(report.size / seconds).toFixed(0)} entries/s, ${mb(bytes / seconds)}/s, ${((user + system) / report.size).toFixed(1)} µs CPU an entry, ${mb(process.resourceUsage().maxRSS * 1024)} of memory at most`,
    '',
  ].join('\n'),
)
