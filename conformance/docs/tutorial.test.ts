import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { blocksOf, missingIn, Reader } from '../support/documents.ts'

const skip = process.platform === 'win32' ? 'the documents are written for a POSIX shell' : false

/** The port that the system gives, or the one asked for; undefined when it is taken. */
async function freePort(wanted = 0): Promise<number | undefined> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  server.once('error', () => resolve(undefined))
  server.listen(wanted, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  const port = await promise
  await new Promise((closed) => server.close(closed))
  return port
}

async function follow(markdown: string, atLeast: number): Promise<void> {
  const blocks = blocksOf(markdown)
  assert.ok(blocks.length >= atLeast, `only ${blocks.length} blocks are marked as run`)
  await using reader = new Reader()
  for (const block of blocks) await reader.do(block)
}

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
