import type { SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'

/** A definition the registry knows, as far as policies can speak of it. */
export interface PolicyTool {
  readonly server: string
  readonly kind: 'tool' | 'prompt'
  readonly name: string
  readonly inputSchema: unknown
}

/** How a top-level argument appears in `context.input`. */
export type InputType = 'string' | 'long' | 'boolean' | 'decimal' | 'strings'

export const RESOURCE_READ = 'resource.read'
export const COMPLETION = 'completion'
/** Asking a model; `context.input.model` says which, the resource whose. */
export const MODEL_CALL = 'model.call'

/** The actions that are no definition of a server, with the inputs that policies can read of them. */
export const FIXED_ACTIONS: ReadonlyMap<string, ReadonlyMap<string, InputType>> = new Map<
  string,
  ReadonlyMap<string, InputType>
>([
  [RESOURCE_READ, new Map([['uri', 'string']])],
  [COMPLETION, new Map()],
  [MODEL_CALL, new Map([['model', 'string']])],
])

/** Action groups: `call` holds everything, the others what they say. */
export const GROUPS: ReadonlySet<string> = new Set(['call', 'tool', 'prompt'])

/** `server/tool` or `server/prompt:name`. A tool whose name looks like a prompt's is `server/tool:name`, so that no two share an id. */
export function actionId({ server, kind, name }: Pick<PolicyTool, 'server' | 'kind' | 'name'>): string {
  const marked = kind === 'prompt' || /^(prompt|tool):/.test(name)
  return marked ? `${server}/${kind}:${name}` : `${server}/${name}`
}

/** Top-level arguments that Cedar can hold; the rest cannot be spoken of in policies. */
export function inputTypes(inputSchema: unknown): ReadonlyMap<string, InputType> {
  const types = new Map<string, InputType>()
  const properties = isObject(inputSchema) && isObject(inputSchema.properties) ? inputSchema.properties : {}
  for (const [name, schema] of Object.entries(properties)) {
    // In Cedar's JSON a record with a key such as `__entity` is not a record.
    const type = isObject(schema) && !name.startsWith('__') ? inputType(schema) : undefined
    if (type) types.set(name, type)
  }
  return types
}

function inputType(schema: JsonObject): InputType | undefined {
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
      return 'long'
    case 'boolean':
      return 'boolean'
    case 'number':
      return 'decimal'
    case 'array':
      return isObject(schema.items) && schema.items.type === 'string' ? 'strings' : undefined
    default:
      return undefined
  }
}

const CEDAR_TYPES = {
  string: { type: 'String' },
  long: { type: 'Long' },
  boolean: { type: 'Boolean' },
  decimal: { type: 'Extension', name: 'decimal' },
  strings: { type: 'Set', element: { type: 'String' } },
} as const

const text = { type: 'String' } as const
const flag = { type: 'Boolean' } as const
const flow = {
  type: 'Record',
  attributes: {
    effect: text,
    requested: flag,
    untrusted: flag,
    confidential: flag,
    hostile: flag,
    problems: { type: 'Set', element: text },
  },
} as const
const optional = { type: 'String', required: false } as const

/** The Cedar schema of the present registry. Every argument is optional, so strict validation demands `has` before its use. */
export function cedarSchema(tools: readonly PolicyTool[]): SchemaJson<string> {
  const action = (group: string, input: Record<string, object>) => ({
    memberOf: [{ id: group }],
    appliesTo: {
      principalTypes: ['Agent'],
      resourceTypes: ['Server'],
      context: {
        type: 'Record',
        attributes: {
          task: { type: 'Entity', name: 'Task' },
          era: text,
          input: { type: 'Record', attributes: input },
          flow,
        },
      },
    },
  })
  const actions: Record<string, object> = {
    call: {},
    tool: { memberOf: [{ id: 'call' }] },
    prompt: { memberOf: [{ id: 'call' }] },
    [RESOURCE_READ]: action('call', { uri: text }),
    [COMPLETION]: action('call', {}),
    [MODEL_CALL]: action('call', { model: text }),
  }
  for (const tool of tools) {
    const input = [...inputTypes(tool.inputSchema)].map(([name, type]) => [
      name,
      { ...CEDAR_TYPES[type], required: false },
    ])
    actions[actionId(tool)] = action(tool.kind, Object.fromEntries(input))
  }
  const record = (attributes: Record<string, object>) => ({ shape: { type: 'Record', attributes } })
  return {
    '': {
      entityTypes: {
        Agent: record({ name: text, sponsor: text, segment: text }),
        Task: record({ template: text, purpose: text, onBehalfOf: text, subject: optional }),
        Server: record({ segment: text }),
      },
      actions,
    },
  } as unknown as SchemaJson<string>
}
