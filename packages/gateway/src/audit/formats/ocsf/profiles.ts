import type { OcsfVersion } from '../../../config/sink-schema.ts'
import type { JsonObject } from '../../../model/json.ts'
import type { LogEntry } from '../../entry.ts'
import type { Facts } from '../facts.ts'
import type { OcsfClass } from './kinds.ts'

type Profile = 'host' | 'trace' | 'security_control' | 'ai_operation' | 'record_integrity'

const ALL = ['base', 'finding', 'authentication', 'session', 'entity', 'lifecycle', 'api'] as const
const CONTROLLED = ['finding', 'api', 'session', 'authentication', 'entity'] as const

interface Schema {
  /** Classes with an actor of their own; elsewhere the profile `host` brings one. */
  readonly actor: readonly OcsfClass[]
  readonly profiles: Readonly<Partial<Record<Profile, readonly OcsfClass[]>>>
}

const V1_5: Schema = {
  actor: ['api', 'authentication', 'session', 'entity'],
  profiles: { host: ALL, security_control: CONTROLLED, trace: ['api'] },
}
const V1_8: Schema = { ...V1_5, profiles: { ...V1_5.profiles, ai_operation: ['api'] } }

/** What each version knows: an older receiver would refuse an attribute that it does not. */
const SCHEMAS: Record<OcsfVersion, Schema> = {
  '1.3.0': {
    actor: ['api', 'authentication'],
    profiles: { host: ALL.filter((kind) => kind !== 'base'), security_control: ['finding'] },
  },
  '1.5.0': V1_5,
  '1.8.0': V1_8,
  '1.9.0-dev': { ...V1_8, profiles: { ...V1_8.profiles, record_integrity: ALL } },
}

const DENIED = 2
const BLOCKED = 2
const AGENT = 4

export function profilesOf(
  version: OcsfVersion,
  kind: OcsfClass,
  entry: LogEntry,
  facts: Facts,
): { names: readonly string[]; attributes: JsonObject } {
  const schema = SCHEMAS[version]
  const has = (profile: Profile) => schema.profiles[profile]?.includes(kind) === true
  const names: Profile[] = []
  const attributes: Record<string, JsonObject[string]> = {}
  const isOwn = schema.actor.includes(kind)
  if (!isOwn && has('host')) names.push('host')
  if (isOwn || has('host')) attributes.actor = actorOf(facts)
  if (has('security_control') && facts.outcome === 'denied') {
    names.push('security_control')
    Object.assign(attributes, { action_id: DENIED, disposition_id: BLOCKED })
  }
  if (has('trace') && facts.trace) {
    names.push('trace')
    attributes.trace = {
      uid: facts.trace.id,
      span: { uid: facts.trace.span, start_time: entry.ts, end_time: entry.ts },
    }
  }
  if (has('ai_operation') && facts.server !== undefined) {
    names.push('ai_operation')
    attributes.message_context = { ai_role_id: AGENT, service: { name: facts.server } }
    if (entry.data.protocol === 'llm' && facts.name !== undefined)
      attributes.ai_model = { name: facts.name, ai_provider: facts.server }
    if (version === '1.9.0-dev' && facts.instance !== undefined)
      attributes.ai_agent = { uid: facts.actor, instance_uid: facts.instance, type_id: 0 }
  }
  if (has('record_integrity')) names.push('record_integrity')
  return { names, attributes }
}

function actorOf({ actor, instance, isOperator, task }: Facts): JsonObject {
  return {
    ...(isOperator ? { user: { name: actor } } : { app_name: actor }),
    ...(instance === undefined ? {} : { app_uid: instance }),
    ...(task === undefined ? {} : { session: { uid: task } }),
  }
}
