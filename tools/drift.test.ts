import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REASONS } from '../packages/gateway/src/model/reasons.ts'
import { GENERATED } from './generated.ts'

for (const { path, render } of GENERATED) {
  test(`${path} says what the code does`, () => {
    assert.equal(readFileSync(path, 'utf8'), render(), 'run `npm run generate`')
  })
}

test('every reason in the catalogue is given somewhere', () => {
  const code = globSync('packages/gateway/src/**/*.ts')
    .filter((file) => !file.endsWith('reasons.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  assert.deepEqual(
    Object.keys(REASONS).filter((reason) => !code.includes(`'${reason}'`)),
    [],
  )
})

test('the README keeps to 150 lines', () => {
  assert.ok(readFileSync('README.md', 'utf8').split('\n').length <= 151)
})
