import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { verifyLog } from '@ostiary/evidence'
import { dataDirOf } from '../context.ts'
import type { Check } from './check.ts'

export const log: Check = {
  id: 'log',
  async run({ configPath }) {
    const dir = join(dataDirOf(configPath), 'log')
    const vkey = await readFile(join(dir, 'vkey'), 'utf8').catch(() => undefined)
    if (vkey === undefined) return { status: 'warn', saw: 'there is none yet', fix: 'Run `ostiary up`.' }
    const report = await verifyLog((path) => readFile(join(dir, path)).catch(() => undefined), {
      vkey: vkey.trim(),
    })
    return report.ok
      ? { status: 'ok', saw: `${report.size} entries verify; assurance level: local` }
      : {
          status: 'fail',
          saw: report.problems[0]?.detail ?? '',
          fix: 'Keep the folder as evidence: ostiary audit verify',
        }
  },
}
