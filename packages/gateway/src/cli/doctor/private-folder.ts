import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { dataDirOf } from '../context.ts'
import type { Check } from './check.ts'

export const privateFolder: Check = {
  id: 'private folder',
  async run({ configPath }) {
    const dir = dataDirOf(configPath)
    const info = statSync(dir, { throwIfNoEntry: false })
    if (!info) return { status: 'warn', saw: `${dir} does not exist yet`, fix: 'Run `ostiary up`.' }
    if (process.platform === 'win32') return { status: 'ok', saw: dir }
    const keys = join(dir, 'keys')
    const names = statSync(keys, { throwIfNoEntry: false })
      ? readdirSync(keys).map((name) => join(keys, name))
      : []
    const open = [dir, ...names].filter((path) => (statSync(path).mode & 0o077) !== 0)
    return open.length === 0
      ? { status: 'ok', saw: dir }
      : {
          status: 'fail',
          saw: `other accounts can read ${open.join(', ')}`,
          fix: `chmod -R go= ${dir}; take its keys as known.`,
        }
  },
}
