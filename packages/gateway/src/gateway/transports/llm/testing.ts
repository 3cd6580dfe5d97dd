import type { Codec, ToolCall } from './codec.ts'
import type { Hooks, TextGate } from './judge.ts'
import { streamFilter } from './stream.ts'

/** Takes SECRET out of a text that comes in pieces, holding only what may still become it. */
export function secretGate(secret = 'SECRET🔑', instead = '[out]'): TextGate {
  let held = ''
  return {
    push(text) {
      const whole = (held + text).replaceAll(secret, instead)
      let keep = Math.min(secret.length - 1, whole.length)
      while (keep > 0 && !secret.startsWith(whole.slice(-keep))) keep--
      held = whole.slice(whole.length - keep)
      return whole.slice(0, whole.length - keep)
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** Removes `wipe`, gives `send` another address, passes the rest. */
export function hooks(calls: ToolCall[] = []): Hooks {
  return {
    gate: () => secretGate(),
    decide(call) {
      calls.push(call)
      if (call.kind !== 'function' || call.name === 'wipe') return { kind: 'remove', notice: '[stopped]' }
      if (call.name === 'send') return { kind: 'replace', args: '{"to":"safe"}' }
      return { kind: 'pass' }
    },
  }
}

export interface Script {
  readonly texts: readonly string[]
  readonly calls: readonly { readonly name: string; readonly json: readonly string[] }[]
}

const sse = (events: readonly object[], named: boolean) =>
  events
    .map(
      (data) =>
        `${named ? `event: ${(data as { type: string }).type}\n` : ''}data: ${JSON.stringify(data)}\n\n`,
    )
    .join('')

/** What each provider would send for a script. */
export const providers: Record<Codec['api'], (script: Script) => string> = {
  'openai-chat'({ texts, calls }) {
    const chunk = (delta: object, finish_reason: string | null = null) => ({
      id: 'c1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta, finish_reason }],
    })
    const fragments = calls.flatMap(({ name, json }, index) => [
      chunk({
        tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name, arguments: '' } }],
      }),
      ...json.map((piece) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ])
    const all = [
      chunk({ role: 'assistant', content: '' }),
      ...texts.map((content) => chunk({ content })),
      ...fragments,
      chunk({}, calls.length > 0 ? 'tool_calls' : 'stop'),
    ]
    return `:\n\n${sse(all, false)}data: [DONE]\n\n`
  },
  'anthropic-messages'({ texts, calls }) {
    const usage = { input_tokens: 1, output_tokens: 1 }
    const message = {
      id: 'm1',
      type: 'message',
      role: 'assistant',
      model: 'm',
      content: [],
      stop_reason: null,
      usage,
    }
    const block = (index: number, content_block: object, deltas: readonly object[]) => [
      { type: 'content_block_start', index, content_block },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ]
    return sse(
      [
        { type: 'message_start', message },
        { type: 'ping' },
        ...block(
          0,
          { type: 'text', text: '' },
          texts.map((text) => ({ type: 'text_delta', text })),
        ),
        ...calls.flatMap(({ name, json }, at) =>
          block(
            at + 1,
            { type: 'tool_use', id: `toolu_${at}`, name, input: {} },
            json.map((partial_json) => ({ type: 'input_json_delta', partial_json })),
          ),
        ),
        { type: 'message_delta', delta: { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn' }, usage },
        { type: 'message_stop' },
      ],
      true,
    )
  },
  'openai-responses'({ texts, calls }) {
    const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
    const message = (text: string, status: string) => ({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      status,
      content: status === 'completed' ? [part(text)] : [],
    })
    const call = (at: number, args: string, status: string) => ({
      id: `fc_${at}`,
      type: 'function_call',
      call_id: `call_${at}`,
      name: calls[at]?.name,
      arguments: args,
      status,
    })
    const text = texts.join('')
    const output = [
      message(text, 'completed'),
      ...calls.map(({ json }, at) => call(at, json.join(''), 'completed')),
    ]
    const response = {
      id: 'r1',
      object: 'response',
      created_at: 1,
      model: 'm',
      status: 'completed',
      tools: [],
    }
    const at = { output_index: 0, item_id: 'msg_1', content_index: 0 }
    const events: object[] = [
      { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
      { type: 'response.output_item.added', output_index: 0, item: message('', 'in_progress') },
      { type: 'response.content_part.added', ...at, part: part('') },
      ...texts.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
      { type: 'response.output_text.done', ...at, text, logprobs: [] },
      { type: 'response.content_part.done', ...at, part: part(text) },
      { type: 'response.output_item.done', output_index: 0, item: output[0] },
      ...calls.flatMap(({ json }, index) => {
        const of = { output_index: index + 1, item_id: `fc_${index}` }
        const name = 'response.function_call_arguments'
        return [
          {
            type: 'response.output_item.added',
            output_index: index + 1,
            item: call(index, '', 'in_progress'),
          },
          ...json.map((delta) => ({ type: `${name}.delta`, ...of, delta })),
          { type: `${name}.done`, ...of, arguments: json.join('') },
          { type: 'response.output_item.done', output_index: index + 1, item: output[index + 1] },
        ]
      }),
      { type: 'response.completed', response: { ...response, output } },
    ]
    return sse(
      events.map((event, sequence_number) => ({ ...event, sequence_number })),
      true,
    )
  },
  gemini({ texts, calls }) {
    const chunk = (parts: readonly object[], rest: object = {}) => ({
      candidates: [{ index: 0, content: { role: 'model', parts }, ...rest }],
      modelVersion: 'm',
    })
    return sse(
      [
        ...texts.map((text) => chunk([{ text }])),
        ...calls.map(({ name, json }) =>
          chunk([{ functionCall: { name, args: JSON.parse(json.join('')) } }]),
        ),
        chunk([{ text: '' }], { finishReason: 'STOP' }),
      ],
      false,
    )
  },
}

export async function filtered(
  codec: Codec,
  chunks: readonly Uint8Array[],
  calls: ToolCall[] = [],
): Promise<string> {
  const filter = streamFilter(codec, hooks(calls))
  let out = ''
  for (const chunk of chunks) out += await filter.push(chunk)
  return out + (await filter.end())
}
