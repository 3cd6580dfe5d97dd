// Lets `npm run demo` and `npm test` work in a fresh clone: runs `npm ci` when the installed tree is absent or older than the lockfile.
// Named in the scripts themselves, because `ignore-scripts` also switches off npm's `pre` scripts.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}
