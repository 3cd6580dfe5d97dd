import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { follow, freePort, missingIn } from '../support/documents.ts'

const skip = process.platform === 'win32' ? 'the documents are written for a POSIX shell' : false

test('the README does what it says', { skip }, async (t) => {
  if ((await freePort(7770)) === undefined) return t.skip('the standard port is in use')
  await follow(readFileSync('README.md', 'utf8'), 3)
})

test('the tutorial does what it says, from the first command to the forged log', { skip }, async () => {
  const port = String(await freePort())
  const text = readFileSync('docs/tutorial/lock-an-agent-you-just-caught.md', 'utf8')
  await follow(text.replaceAll('7771', port), 14)
})

test('a document that promises what does not come is found out', { skip }, async () => {
  const wrong = '```sh run\necho one\n```\n\n```text expect\ntwo\n```\n'
  await assert.rejects(follow(wrong, 1), /did not print two/)
  await assert.rejects(follow('```sh run\nexit 3\n```\n', 1), /ended with 3/)
  assert.deepEqual(missingIn('a 17 b\n', ['a … b', 'a…b c']), ['a…b c'])
})
