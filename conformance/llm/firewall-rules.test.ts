import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { Guarded } from './guarded.ts'
import { ask, startModels, WAYS } from './guarded.ts'

/** Not every SDK shows the code. */
const SAID = /A rule of the operator does not let this content through/

let guarded: Guarded

before(async () => {
  guarded = await startModels({
    workers: 2,
    firewall: {
      rules: [
        { find: ['personal-data'], in: 'results', servers: ['lab'], do: 'redact' },
        { find: ['secrets'], in: 'arguments', servers: ['lab'], do: 'block' },
      ],
    },
  })
})

after(() => guarded?.[Symbol.asyncDispose]())

for (const { api, streamed, name } of WAYS) {
  test(`what a rule names does not come out of a model, in whatever pieces (${name})`, async () => {
    guarded.models.script = { texts: ['the card is 4539 14', '88 0343 64', '67 of Ana'], calls: [] }
    await assert.rejects(ask(guarded.clients, api, streamed), SAID)
    guarded.models.script = { texts: ['the card is ', 'not here'], calls: [] }
    assert.match((await ask(guarded.clients, api, streamed)).text, /not here/)
  })

  test(`a call that a model makes up with it does not reach the agent (${name})`, async () => {
    const json = [JSON.stringify({ text: 'card 4539148803436467' })]
    guarded.models.script = { texts: ['fine'], calls: [{ name: 'files__echo', json }] }
    const answer = await ask(guarded.clients, api, streamed).catch((error: Error) => error)
    assert.ok(answer instanceof Error || answer.calls.length === 0)
    assert.match(answer instanceof Error ? answer.message : answer.text, SAID)
  })

  test(`what a rule blocks does not reach the provider (${name})`, async () => {
    const before = guarded.models.asked.length
    const content = 'deploy with ghp_1234567890abcdefghijklmnopqrstuvwxyz'
    await assert.rejects(ask(guarded.clients, api, streamed, { content }), SAID)
    assert.equal(guarded.models.asked.length, before)
  })
}

test('an answer that was stopped says so in the log', async () => {
  const text = await new ControlClient(guarded.gateway.dataDir).text('GET', '/audit/entries?count=300')
  const outcomes = text.split('\n').filter((line) => line.includes('"call.outcome"'))
  assert.ok(outcomes.some((line) => line.includes('CONTENT_BLOCKED')))
  assert.doesNotMatch(text, /4539/)
})
