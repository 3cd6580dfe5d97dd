import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../../model/json.ts'
import { codecs } from './index.ts'
import { withoutBypassing } from './request.ts'

const read = (api: string, body: JsonObject) => codecs.find((codec) => codec.api === api)!.readRequest(body)

interface Case {
  readonly api: string
  readonly body: JsonObject
  readonly parts: readonly string[]
  readonly bypassing: readonly string[]
  readonly clean: JsonObject
}

const schema = { type: 'object' }
const cases: readonly Case[] = [
  {
    api: 'openai-chat',
    body: {
      messages: [
        { role: 'system', content: 'rules' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'ask' },
            { type: 'image_url', image_url: { url: 'https://x.test/i' } },
          ],
        },
        { role: 'assistant', content: null, tool_calls: [] },
        { role: 'tool', tool_call_id: 'c1', content: 'found' },
      ],
      tools: [{ type: 'web_search' }, { type: 'function', function: { name: 'read', parameters: schema } }],
      web_search_options: {},
    },
    parts: ['system text', 'person text', 'untrusted link', 'model data', 'model data', 'untrusted text'],
    bypassing: ['web_search', 'web_search_options'],
    clean: { tools: [{ type: 'function', function: { name: 'read', parameters: schema } }] },
  },
  {
    api: 'openai-responses',
    body: {
      instructions: 'rules',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'ask' },
            { type: 'input_file', file_url: 'https://x.test/f' },
          ],
        },
        { type: 'function_call', call_id: 'c', name: 'read', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'found' },
        { type: 'mcp_list_tools', tools: [] },
      ],
      tools: [
        { type: 'mcp', server_url: 'https://x.test' },
        { type: 'code_interpreter' },
        { type: 'function', name: 'read', parameters: schema },
        { type: 'computer' },
      ],
    },
    parts: ['system text', 'person text', 'untrusted link', 'model data', 'untrusted text', 'untrusted data'],
    bypassing: ['mcp', 'code_interpreter', 'computer'],
    clean: { tools: [{ type: 'function', name: 'read', parameters: schema }] },
  },
  {
    api: 'anthropic-messages',
    body: {
      system: [{ type: 'text', text: 'rules' }],
      messages: [
        { role: 'user', content: 'ask' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'read', input: {} }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'found' }] },
            { type: 'document', source: { type: 'url', url: 'https://x.test/d' } },
            { type: 'search_result', content: [] },
          ],
        },
      ],
      tools: [
        { name: 'read', input_schema: schema },
        { type: 'web_search_20250305', name: 'web_search' },
        { type: 'bash_20250124', name: 'bash' },
      ],
      mcp_servers: [{ name: 'm', url: 'https://x.test' }],
    },
    parts: ['system text', 'person text', 'model data', 'untrusted text', 'untrusted link', 'untrusted data'],
    bypassing: ['web_search_20250305', 'bash_20250124', 'mcp_server m'],
    clean: { tools: [{ name: 'read', input_schema: schema }], mcp_servers: [] },
  },
  {
    api: 'gemini',
    body: {
      system_instruction: { parts: [{ text: 'rules' }] },
      contents: [
        { role: 'user', parts: [{ text: 'ask' }, { file_data: { file_uri: 'https://x.test/f' } }] },
        { role: 'model', parts: [{ functionCall: { name: 'read', args: {} } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'read', response: { a: 'found' } } }] },
      ],
      tools: [
        { google_search: {} },
        { functionDeclarations: [{ name: 'read', parameters: schema }], urlContext: {} },
        { codeExecution: {} },
      ],
    },
    parts: ['system text', 'person text', 'untrusted link', 'model data', 'untrusted data'],
    bypassing: ['google_search', 'urlContext', 'codeExecution'],
    clean: { tools: [{ functionDeclarations: [{ name: 'read', parameters: schema }] }] },
  },
]

for (const { api, body, parts, bypassing, clean } of cases) {
  test(`${api}: only what the person and the system say is trusted; tools past the gateway are found and taken out`, () => {
    const request = read(api, body)
    assert.deepEqual(
      request.parts.map((part) => `${part.standing} ${part.kind}`),
      parts,
    )
    assert.deepEqual(request.unknown, [])
    assert.deepEqual(
      request.tools.map((tool) => [tool.name, tool.schema]),
      [['read', schema]],
    )
    assert.deepEqual(
      request.bypassing.map((tool) => tool.type),
      bypassing,
    )
    const { tools, mcp_servers, web_search_options } = withoutBypassing(body, request)
    assert.deepEqual(
      { tools, mcp_servers, web_search_options },
      { mcp_servers: undefined, web_search_options: undefined, ...clean },
    )
    assert.deepEqual(read(api, withoutBypassing(body, request)).bypassing, [])
  })

  test(`${api}: what the codec does not know is listed, never ignored`, () => {
    assert.deepEqual(read(api, { ...body, telepathy: true }).unknown, [['telepathy']])
    const list = api === 'gemini' ? 'contents' : api === 'openai-responses' ? 'input' : 'messages'
    const strange = { type: 'hypnosis', role: 'oracle', parts: [{ hypnosis: {} }] }
    const request = read(api, { ...body, [list]: [strange] })
    assert.equal(request.unknown.length, 1)
    assert.deepEqual(
      request.parts.filter((part) => part.kind === 'unknown').map((part) => part.standing),
      ['untrusted'],
    )
  })
}

test('what is kept at the provider is named, for the gateway cannot see it', () => {
  const responses = read('openai-responses', { previous_response_id: 'r', background: true, input: 'x' })
  assert.deepEqual(responses.hidden, [['previous_response_id'], ['background']])
  assert.deepEqual(read('gemini', { cachedContent: 'c' }).hidden, [['cachedContent']])
})

test('a Gemini member in two spellings is refused, for it is not known which one counts', () => {
  assert.deepEqual(
    read('gemini', { tools: [], system_instruction: {}, systemInstruction: {} }).unknown.length,
    1,
  )
})

test('when no tool is left, no choice among tools is left either', () => {
  const body = { tools: [{ type: 'web_search' }], tool_choice: 'required' }
  assert.deepEqual(withoutBypassing(body, read('openai-responses', body)), {})
})

test('what a provider would fetch is found wherever it stands, and not in arguments or results that only look like it', () => {
  const url = 'https://evil.test/?data=1'
  const links = (api: string, body: JsonObject) =>
    read(api, body).parts.flatMap(({ kind, text }) => (kind === 'link' ? [text] : []))
  const image = { type: 'input_image', image_url: url }
  const bodies: readonly (readonly [string, JsonObject])[] = [
    ['openai-responses', { input: [{ type: 'function_call_output', call_id: 'c', output: [image] }] }],
    [
      'openai-responses',
      { input: [{ type: 'computer_call_output', output: { type: 'computer_screenshot', image_url: url } }] },
    ],
    ['openai-responses', { input: [{ role: 'assistant', content: [image] }] }],
    [
      'openai-chat',
      {
        messages: [{ role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: { url } }] }],
      },
    ],
    [
      'anthropic-messages',
      {
        messages: [{ role: 'assistant', content: [{ type: 'image', source: { type: 'url', url } }] }],
      },
    ],
    ['gemini', { contents: [{ role: 'model', parts: [{ fileData: { fileUri: url } }] }] }],
    [
      'gemini',
      {
        contents: [
          {
            role: 'user',
            parts: [
              { functionResponse: { name: 'f', response: {}, parts: [{ file_data: { file_uri: url } }] } },
            ],
          },
        ],
      },
    ],
  ]
  for (const [api, body] of bodies) assert.deepEqual(links(api, body), [url], JSON.stringify(body))
  const looks = { type: 'image', url }
  assert.deepEqual(
    links('anthropic-messages', {
      messages: [{ role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: looks }] }],
    }),
    [],
  )
  assert.deepEqual(
    links('gemini', {
      contents: [
        { role: 'model', parts: [{ functionCall: { name: 'f', args: looks } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: looks } }] },
      ],
    }),
    [],
  )
})
