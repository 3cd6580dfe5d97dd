import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { sealer } from '../../../lib/sealed-token.ts'
import { Sessions, sessionHeader } from './sessions.ts'

const key = randomBytes(32)
const state = { server: 'files', instance: 'ins_1', task: 'tsk_1', upstream: 'abc' }

test('a session is opened by every process with the key, and by no other', () => {
  const token = new Sessions(sealer(key)).seal(state)
  const other = new Sessions(sealer(key))
  assert.deepEqual(other.open(token), state)
  assert.deepEqual(other.open(token), state)
  assert.equal(new Sessions(sealer(randomBytes(32))).open(token), undefined)
  assert.equal(other.open(`${token.slice(0, -2)}AA`), undefined)
  assert.equal(
    other.open(sealer(key).seal('mcp-aggregate', JSON.stringify(['files', 'x', 'x', 'x']))),
    undefined,
  )
})

test('old sessions are opened anew, so that memory stays bounded', () => {
  let opened = 0
  const counting = {
    ...sealer(key),
    open(purpose: string, token: string) {
      opened++
      return sealer(key).open(purpose, token)
    },
  }
  const sessions = new Sessions(counting)
  const tokens = Array.from({ length: 1200 }, (_, i) => sessions.seal({ ...state, upstream: `${i}` }))
  for (const token of tokens) sessions.open(token)
  sessions.open(tokens.at(-1) as string)
  assert.equal(opened, 1200)
  sessions.open(tokens[0] as string)
  assert.equal(opened, 1201)
})

test('a modern request has no session, whatever its headers say; a legacy one cannot shed its own', () => {
  assert.equal(sessionHeader({ 'mcp-session-id': 'x' }, 'modern'), undefined)
  assert.equal(sessionHeader({ 'mcp-session-id': 'x', 'mcp-method': 'tools/call' }, 'legacy'), 'x')
})
