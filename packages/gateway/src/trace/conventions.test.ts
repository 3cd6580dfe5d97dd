import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as conventions from './conventions.ts'

test('names of the conventions change only together with the schema they are pinned to', () => {
  const { SCHEMA_URL, ATTRIBUTE, RESOURCE, DURATION, MODEL_APIS } = conventions
  assert.equal(SCHEMA_URL, 'https://opentelemetry.io/schemas/gen-ai/1.42.0')
  assert.deepEqual(
    [...Object.values(ATTRIBUTE), ...Object.values(DURATION)].filter((name) => !name.startsWith('ostiary.')),
    [
      'mcp.method.name',
      'gen_ai.operation.name',
      'gen_ai.tool.name',
      'gen_ai.prompt.name',
      'gen_ai.agent.id',
      'gen_ai.provider.name',
      'gen_ai.request.model',
      'error.type',
      'server.address',
      'server.port',
      'network.transport',
      'mcp.server.operation.duration',
      'mcp.client.operation.duration',
      'gen_ai.client.operation.duration',
    ],
  )
  assert.deepEqual(Object.values(RESOURCE), [
    'service.name',
    'service.version',
    'service.instance.id',
    'ostiary.log.origin',
  ])
  assert.deepEqual(
    Object.values(MODEL_APIS).map(({ operation, provider }) => `${operation} ${provider}`),
    ['chat openai', 'chat openai', 'chat anthropic', 'generate_content gcp.gemini'],
  )
})

test('what must not be an attribute has no name here', () => {
  const names = Object.values(conventions.ATTRIBUTE).join(' ')
  assert.doesNotMatch(names, /arguments|result|uri|session|subject|user|messages/)
})
