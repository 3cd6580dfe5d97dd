import type { OcsfVersion } from '../../../config/sink-schema.ts'
import type { JsonObject } from '../../../model/json.ts'
import type { LogEntry } from '../../entry.ts'
import type { Facts } from '../facts.ts'
import type { OcsfClass } from './kinds.ts'

type Profile = 'trace' | 'security_control' | 'ai_operation' | 'record_integrity'

/** Which classes have which profile, by the version that brought it. An older receiver would refuse an attribute that it does not know. */
const KNOWN: Record<OcsfVersion, Partial<Record<Profile, readonly OcsfClass[]>>> = {
  '1.3.0': { security_control: ['finding'] },
  '1.5.0': { security_control: ['finding', 'api', 'session', 'authentication', 'entity'], trace: ['api'] },
  '1.8.0': {
    security_control: ['finding', 'api', 'session', 'authentication', 'entity'],
    trace: ['api'],
    ai_operation: ['api'],
  },
  '1.9.0-dev': {
    security_control: ['finding', 'api', 'session', 'authentication', 'entity'],
    trace: ['api'],
    ai_operation: ['api'],
    record_integrity: ['base', 'finding', 'authentication', 'session', 'entity', 'lifecycle', 'api'],
  },
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
  const has = (profile: Profile) => KNOWN[version][profile]?.includes(kind) === true
  const names: Profile[] = []
  const attributes: Record<string, JsonObject[string]> = {}
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
