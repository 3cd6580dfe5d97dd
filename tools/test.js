// Runs the tests: `node tools/test.js unit|conformance [part of a file name …]`.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

const SUITES = {
  // One process: these open no port that another could meet, and leave nothing behind.
  unit: { files: ['packages/*/src/**/*.test.ts', 'tools/*.test.ts'], flags: ['--test-isolation=none'] },
  // A process each: they start gateways, browsers and servers.
  conformance: {
    files: ['conformance/**/*.test.ts'],
    flags: ['--test-concurrency=2', '--test-timeout=600000'],
  },
}

const [name, ...filters] = process.argv.slice(2)
const suite = SUITES[name]
if (!suite) {
  console.error(`usage: node tools/test.js ${Object.keys(SUITES).join('|')} [part of a file name …]`)
  process.exit(2)
}
const files = globSync(suite.files)
  .filter((file) => !file.includes('node_modules'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort()
if (files.length === 0) {
  console.error('no test file has such a name')
  process.exit(2)
}
const { status } = spawnSync(process.execPath, ['--test', ...suite.flags, ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
