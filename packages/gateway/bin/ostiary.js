#!/usr/bin/env node
// Runs the command line on Node 24, which npm brings as a platform package where the machine's own Node is older.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FLOOR = [24, 15]
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major > FLOOR[0] || (major === FLOOR[0] && minor >= FLOOR[1])) {
  const built = new URL('../dist/cli/index.js', import.meta.url)
  const source = new URL('../src/cli/index.ts', import.meta.url)
  const { run } = await import(existsSync(source) ? source.href : built.href)
  await run(process.argv.slice(2))
} else {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const exe = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  let node
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${platform}-${process.arch}/package.json`)
    node = join(dirname(manifest), exe)
  } catch {
    console.error(
      `Ostiary needs Node ${FLOOR.join('.')} or newer; this is ${process.versions.node} and no bundled Node was installed for this platform. Install Node 24 and run the command again.`,
    )
    process.exit(2)
  }
  const { status, signal } = spawnSync(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  process.exit(signal ? 1 : (status ?? 1))
}
