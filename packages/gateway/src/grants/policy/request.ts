import type { CedarValueJson, StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import type { Action } from '../../model/action.ts'
import type { Json } from '../../model/json.ts'
import type { Principal } from '../../model/principal.ts'
import type { Task } from '../../model/task.ts'
import type { InputType } from './schema.ts'
import { actionId, COMPLETION, MODEL_CALL, RESOURCE_READ } from './schema.ts'

/** Everything a policy may look at. */
export interface PolicyRequest {
  readonly principal: Pick<Principal, 'agent' | 'agentName' | 'sponsor'>
  readonly task: Task
  readonly agentSegment: string
  readonly serverSegment: string
  readonly action: Pick<Action, 'server' | 'kind' | 'name' | 'args' | 'era'>
  /** Left out where no call is made: then it counts as the first of its task. */
  readonly flow?: PolicyFlow
}

/** What flow control knows of the call and of what its task has seen. */
export interface PolicyFlow {
  readonly effect: 'read' | 'write' | 'egress' | 'destructive'
  readonly hasRequest: boolean
  readonly holdsUntrusted: boolean
  readonly holdsConfidential: boolean
  readonly isHostile: boolean
  /** UNDERIVED, LAUNDERED, CONFIDENTIAL, UNASKED; sorted, each once. */
  readonly problems: readonly string[]
}

export const NOTHING_SEEN: PolicyFlow = {
  effect: 'egress',
  hasRequest: false,
  holdsUntrusted: false,
  holdsConfidential: false,
  isHostile: false,
  problems: [],
}

const MAX_STRING = 16_384
const MAX_ITEMS = 1000

/** An argument that a policy reads cannot be put before it. Leaving it out would let a `forbid` be skipped. */
export class Unrepresentable extends Error {
  override name = 'Unrepresentable'
}

export function cedarAction(action: PolicyRequest['action']): string {
  if (action.kind === 'resource') return RESOURCE_READ
  if (action.kind === 'complete') return COMPLETION
  if (action.kind === 'model') return MODEL_CALL
  return actionId({
    server: action.server,
    kind: action.kind === 'prompt' ? 'prompt' : 'tool',
    name: action.name ?? '',
  })
}

/** The inputs that the policies read, as Cedar values; the URI of a resource and the name of a model always. An input that is null is absent. @throws Unrepresentable */
export function cedarInput(
  action: PolicyRequest['action'],
  types: ReadonlyMap<string, InputType>,
  reads: ReadonlySet<string> | 'all',
): Record<string, CedarValueJson> {
  if (action.kind === 'resource') return { uri: cedarValue('uri', action.name ?? '', 'string') }
  if (action.kind === 'model') return { model: cedarValue('model', action.name ?? '', 'string') }
  const input: Record<string, CedarValueJson> = {}
  const args = action.args ?? {}
  for (const [name, type] of types) {
    if ((reads !== 'all' && !reads.has(name)) || !Object.hasOwn(args, name)) continue
    const value = args[name]
    if (value !== null && value !== undefined) input[name] = cedarValue(name, value, type)
  }
  return input
}

function cedarValue(name: string, value: Json, type: InputType): CedarValueJson {
  switch (type) {
    case 'string':
      if (typeof value === 'string' && value.length <= MAX_STRING && value.isWellFormed()) return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'long':
      if (Number.isSafeInteger(value)) return value as number
      break
    case 'decimal':
      // Cedar's decimal has four digits after the point; a value with more would compare as another one.
      if (typeof value === 'number' && Number(value.toFixed(4)) === value && Math.abs(value) < 9e14) {
        return { __extn: { fn: 'decimal', arg: value.toFixed(4) } }
      }
      break
    case 'strings':
      if (Array.isArray(value) && value.length <= MAX_ITEMS) {
        return value.map((item: Json) => cedarValue(name, item, 'string'))
      }
  }
  throw new Unrepresentable(`the argument \`${name}\` has a value that policies cannot read exactly`)
}

/** The few entities a decision needs; action entities come from the schema. */
export function cedarRequest(
  request: PolicyRequest,
  input: Record<string, CedarValueJson>,
): Pick<StatefulAuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'> {
  const { principal, task, action, flow = NOTHING_SEEN } = request
  const agent = { type: 'Agent', id: principal.agentName }
  const server = { type: 'Server', id: action.server }
  const taskId = { type: 'Task', id: task.id }
  return {
    principal: agent,
    action: { type: 'Action', id: cedarAction(action) },
    resource: server,
    context: {
      task: { __entity: taskId },
      era: action.era,
      input,
      flow: {
        effect: flow.effect,
        requested: flow.hasRequest,
        untrusted: flow.holdsUntrusted,
        confidential: flow.holdsConfidential,
        hostile: flow.isHostile,
        problems: [...flow.problems],
      },
    },
    entities: [
      {
        uid: agent,
        attrs: { name: principal.agentName, sponsor: principal.sponsor, segment: request.agentSegment },
        parents: [],
      },
      { uid: server, attrs: { segment: request.serverSegment }, parents: [] },
      {
        uid: taskId,
        attrs: {
          template: task.template,
          purpose: task.purpose,
          onBehalfOf: task.onBehalfOf,
          ...(task.subject === undefined ? {} : { subject: task.subject }),
        },
        parents: [],
      },
    ],
  }
}
