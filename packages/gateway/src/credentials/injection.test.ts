import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelConfig } from '../config/schema.ts'
import { Secret } from '../lib/secret.ts'
import { compose } from './injection.ts'

const KEY = 'sk-harbour-lamp-2291'
const resolve = async () => new Secret(KEY)

const provider = (change: Partial<ModelConfig>): ModelConfig => ({
  apis: ['openai-chat'],
  url: 'https://models.example',
  headers: {},
  models: ['*'],
  provider_tools: 'refuse',
  timeout: '300s',
  ...change,
})

test('the key of a provider is put where each of its APIs expects it, and is known as a secret', async () => {
  const key = { env: 'KEY' }
  const all = provider({ apis: ['openai-responses', 'anthropic-messages', 'gemini'], key })
  const { headers, env, secrets } = await compose('lab', all, undefined, resolve)
  assert.deepEqual(headers, { authorization: `Bearer ${KEY}`, 'x-api-key': KEY, 'x-goog-api-key': KEY })
  assert.deepEqual([env, [...secrets]], [{}, [['lab:key', KEY]]])
})

test('a key can be what is minted for the task, and a token that is put nowhere goes into Authorization', async () => {
  const minted = {
    values: new Map([['token', 'minted-for-this-task']]),
    reference: 'none',
    expiresAt: undefined,
  }
  const placed = provider({ apis: ['gemini'], key: { lease: 'token' } })
  const { headers } = await compose('lab', placed, minted, resolve)
  assert.deepEqual(headers, { 'x-goog-api-key': 'minted-for-this-task' })
  const bare = await compose('lab', provider({}), minted, resolve)
  assert.deepEqual(bare.headers, { authorization: 'Bearer minted-for-this-task' })
  assert.ok([...bare.secrets.values()].includes('minted-for-this-task'))
})

test('headers beside the key stay as they are written', async () => {
  const both = provider({ key: { env: 'KEY' }, headers: { 'OpenAI-Organization': 'org_1' } })
  const { headers } = await compose('lab', both, undefined, resolve)
  assert.deepEqual(headers, { authorization: `Bearer ${KEY}`, 'openai-organization': 'org_1' })
})
