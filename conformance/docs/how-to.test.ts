import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { readConfig } from '../../packages/gateway/src/cli/read-config.ts'
import { blocksOf, follow, freePort } from '../support/documents.ts'

const skip = process.platform === 'win32' ? 'the documents are written for a POSIX shell' : false
const guides = globSync('docs/how-to/*.md')
  .sort()
  .map((path) => ({ name: basename(path, '.md'), text: readFileSync(path, 'utf8') }))
const run = guides.filter(({ text }) => blocksOf(text).length > 0)

test('the guides that can be followed on one machine are', () => {
  assert.ok(run.length >= 6, `only ${run.map(({ name }) => name).join(', ')}`)
})

for (const { name, text } of run) {
  test(`the guide "${name}" does what it says`, { skip }, async () => {
    await follow(text.replaceAll('7772', String(await freePort())), 2)
  })
}

interface Fragment {
  readonly servers?: Record<string, unknown>
  readonly tasks?: Record<string, { readonly tools?: Record<string, unknown> }>
  readonly labels?: Record<string, unknown>
}

/** What a guide shows is a part of a file: servers that it only names are added. */
function whole(fragment: Fragment): object {
  const tools = [
    ...Object.values(fragment.tasks ?? {}).flatMap((task) => Object.keys(task.tools ?? {})),
    ...Object.keys(fragment.labels ?? {}),
  ]
  const named = tools.map((tool) => tool.split(/[/#]/, 1)[0] as string)
  const stubs = Object.fromEntries(named.map((name) => [name, { url: 'https://stub.example/mcp' }]))
  return { version: 1, ...fragment, servers: { ...stubs, ...fragment.servers } }
}

test('every piece of configuration in a guide or an example is read by the gateway as it stands', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-snippets-'))
  try {
    let read = 0
    for (const { name, text } of guides) {
      for (const [, yaml = ''] of text.matchAll(/^```yaml\n(.*?)^```$/gms)) {
        const file = join(dir, `${name}-${read++}.yaml`)
        writeFileSync(file, JSON.stringify(whole(parse(yaml) as Fragment)))
        assert.doesNotThrow(() => readConfig(file), `${name}:\n${yaml}`)
      }
    }
    assert.ok(read >= 18, `only ${read} pieces were found`)
    for (const file of globSync('examples/*/ostiary.yaml')) assert.doesNotThrow(() => readConfig(file), file)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
