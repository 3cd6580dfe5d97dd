import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Policy } from '@ostiary/evidence'
import { verifyLog } from '@ostiary/evidence'
import { levelOf } from '../../audit/level.ts'
import { readWitnessPolicy } from '../../config/witness-policy.ts'
import { dataDirOf } from '../context.ts'
import { readConfig } from '../read-config.ts'
import type { Check } from './check.ts'

export const log: Check = {
  id: 'log',
  async run({ configPath }) {
    const dir = join(dataDirOf(configPath), 'log')
    const vkey = await readFile(join(dir, 'vkey'), 'utf8').catch(() => undefined)
    if (vkey === undefined) return { status: 'warn', saw: 'there is none yet', fix: 'Run `ostiary up`.' }
    const policy = policyOf(configPath)
    const report = await verifyLog((path) => readFile(join(dir, path)).catch(() => undefined), {
      vkey: vkey.trim(),
      ...(policy ? { policy } : {}),
    })
    const wrong = report.problems.find(({ kind }) => kind !== 'unwitnessed')
    if (wrong)
      return {
        status: 'fail',
        saw: wrong.detail,
        fix: 'Keep the folder as evidence: ostiary audit verify',
      }
    const level = levelOf({ policy, witnessed: report.witnessed, now: Date.now() })
    const saw = `${report.size} entries verify; assurance level: ${level.name}`
    // Without a running gateway no cosignature is fresh, which `gateway` tells.
    return policy && !report.witnessed
      ? { status: 'warn', saw, fix: 'No quorum of witnesses has cosigned: see `ostiary status`.' }
      : { status: 'ok', saw }
  },
}

/** Another check tells of a configuration that cannot be read. */
function policyOf(configPath: string): Policy | undefined {
  try {
    const { config, dir } = readConfig(configPath)
    const { witnesses } = config.audit
    if (witnesses === undefined) return undefined
    // The log is this one, whichever the file names.
    return { ...readWitnessPolicy(resolve(dir, witnesses)), logs: [] }
  } catch {
    return undefined
  }
}
