import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { parseSync } from 'oxc-parser'

/** A folder imports only from rows above it, never from a sibling (docs: ARCHITECTURE.md). */
const ROWS = [
  ['model'],
  ['lib'],
  ['config', 'store'],
  ['identity', 'registry', 'segments', 'credentials', 'firewall', 'flow', 'audit', 'trace'],
  ['grants', 'oversight'],
  ['health'],
  ['gateway'],
  ['control'],
  ['cli', 'main.ts', 'worker.ts'],
]
const SRC = 'packages/gateway/src'
const MAX_LINES = 500

const sources = globSync('packages/*/src/**/*.ts').filter(
  (file) => !/\.(test|contract)\.ts$|\/testing\.ts$/.test(file),
)

function importsOf(file: string): string[] {
  const { module } = parseSync(file, readFileSync(file, 'utf8'))
  return [
    ...module.staticImports,
    ...module.staticExports.flatMap((e) => e.entries).filter((e) => e.moduleRequest),
  ].map((item) => (item.moduleRequest as { value: string }).value)
}

const roomOf = (path: string): string => path.slice(SRC.length + 1).split('/')[0] as string
const rowOf = (room: string): number => ROWS.findIndex((row) => row.includes(room))

test('a room imports only from rooms above it, types included', () => {
  const breaches: string[] = []
  for (const file of sources.filter((path) => path.startsWith(SRC))) {
    const room = roomOf(file)
    assert.notEqual(rowOf(room), -1, `${file}: ${room} is in no row`)
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue
      const target = roomOf(normalize(join(dirname(file), specifier)))
      const together = room === 'cli' && target === 'main.ts'
      if (target !== room && !together && rowOf(target) >= rowOf(room))
        breaches.push(`${file} imports ${specifier}: ${target} is not above ${room}`)
    }
  }
  assert.deepEqual(breaches, [])
})

test('what runs elsewhere depends on nothing of the gateway', () => {
  for (const file of sources.filter((path) => !path.startsWith(SRC))) {
    for (const specifier of importsOf(file)) {
      assert.ok(!specifier.includes('gateway/') && specifier !== 'ostiary', `${file} imports ${specifier}`)
      if (file.startsWith('packages/evidence')) {
        const own =
          specifier.startsWith('.') ||
          specifier === '#sha256' ||
          file.endsWith('.node.ts') ||
          file.endsWith('.test.ts')
        assert.ok(own, `${file} imports ${specifier}: the verifier has no dependencies`)
      }
    }
  }
})

test('what only telemetry needs is not loaded where it is not configured', () => {
  const loaded = new Set<string>()
  const packages = new Set<string>()
  const load = (file: string): void => {
    if (loaded.has(file)) return
    loaded.add(file)
    const { module } = parseSync(file, readFileSync(file, 'utf8'))
    for (const { moduleRequest, entries } of module.staticImports) {
      if (entries.length > 0 && entries.every(({ isType }) => isType)) continue
      const { value } = moduleRequest
      if (value.startsWith('.')) load(normalize(join(dirname(file), value)))
      else packages.add(value)
    }
  }
  for (const start of ['main.ts', 'worker.ts']) load(join(SRC, start))
  assert.ok(loaded.size > 200 && packages.has('undici'), 'nothing was followed')
  assert.deepEqual(
    [...packages].filter((name) => /^@opentelemetry\/|^prom-client/.test(name)),
    [],
  )
})

test('no file has outgrown a reader', () => {
  const long = sources.filter((file) => readFileSync(file, 'utf8').split('\n').length > MAX_LINES)
  assert.deepEqual(long, [])
})
