import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const PAGES = ['*.md', 'docs/**/*.md', 'packages/*/*.md', 'conformance/**/*.md']
const pages = globSync(PAGES)
  .filter((path) => !path.includes('node_modules'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }))

const fileAt = (page: string, link: string): string =>
  normalize(join(dirname(page), link.split('#')[0] ?? ''))

test('every relative link leads somewhere', () => {
  const broken = pages.flatMap(({ path, text }) =>
    [...text.replace(/^```.*?^```/gms, '').matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^(https?:|mailto:|#)/.test(link) && !existsSync(fileAt(path, link)))
      .map((link) => `${path}: ${link}`),
  )
  assert.deepEqual(broken, [])
})

const NAMING_TESTS = ['docs/explanation/threat-model.md', 'docs/explanation/oauth-security.md'] as const

for (const path of NAMING_TESTS) {
  test(`every test that ${path} names is in the file it links`, () => {
    const text = readFileSync(path, 'utf8')
    const claims = [...text.matchAll(/\]\(([^)]+\.test\.ts)\): ("[^"]+"(?:; "[^"]+")*)/g)].flatMap(
      ([, link = '', names = '']) =>
        [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file: fileAt(path, link), name })),
    )
    const lost = claims.filter(({ file, name }) => !readFileSync(file, 'utf8').includes(name))
    assert.deepEqual(lost, [])
    assert.ok(claims.length >= 25, `only ${claims.length} tests are named`)
    assert.equal(claims.length, text.match(/"[^"\n]+"/g)?.length, 'a test is named without its file')
  })
}

test('every file of attacks has a row', () => {
  const text = NAMING_TESTS.map((path) => readFileSync(path, 'utf8')).join('\n')
  const unnamed = globSync('conformance/{attacks,operators,credentials}/*.test.ts').filter(
    (file) => !text.includes(`(../../${file})`),
  )
  assert.deepEqual(unnamed, [])
})
