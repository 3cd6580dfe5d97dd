import { isObject } from '../../../model/json.ts'
import type { LogEntry } from '../../entry.ts'

/** Classes of OCSF that entries become: [category_uid, class_uid]. */
export const CLASSES = {
  base: [0, 0],
  finding: [2, 2004],
  authentication: [3, 3002],
  session: [3, 3003],
  entity: [3, 3004],
  lifecycle: [6, 6002],
  api: [6, 6003],
} as const

export type OcsfClass = keyof typeof CLASSES

/** A class and an `activity_id` of it. */
export type Kind = readonly [OcsfClass, number]

const OTHER = 99
const CREATE = 1
const READ = 2
const UPDATE = 3
const DELETE = 4
const ENROLL = 6
const ENABLE = 8
const DISABLE = 9
const SUSPEND = 12
const RESUME = 13

/** What calls and messages are is seen in their data; all else is in the type. */
const BY_TYPE: Readonly<Record<string, Kind>> = {
  'log.opened': ['lifecycle', OTHER],
  'gateway.started': ['lifecycle', 3],
  'gateway.stopped': ['lifecycle', 4],
  'config.loaded': ['lifecycle', 8],
  'config.refused': ['lifecycle', OTHER],
  'agent.added': ['entity', CREATE],
  'agent.suspended': ['entity', SUSPEND],
  'agent.resumed': ['entity', RESUME],
  'agent.revoked': ['entity', DELETE],
  'enrolment.issued': ['entity', CREATE],
  'instance.enrolled': ['entity', ENROLL],
  'instance.revoked': ['entity', DELETE],
  'operator.added': ['entity', CREATE],
  'operator.disabled': ['entity', DISABLE],
  'operator.signed_in': ['authentication', 1],
  'client.registered': ['entity', ENROLL],
  'token.issued': ['authentication', 3],
  'token.refused': ['authentication', 3],
  'token.revoked': ['authentication', 2],
  'task.opened': ['session', 1],
  'task.delegated': ['session', 1],
  'task.refused': ['session', 1],
  'grant.widened': ['session', 1],
  'lease.opened': ['session', 1],
  'server.added': ['entity', CREATE],
  'server.removed': ['entity', DELETE],
  'tool.proposed': ['entity', CREATE],
  'tool.approved': ['entity', ENABLE],
  'tool.rejected': ['entity', DISABLE],
  'tool.quarantined': ['finding', CREATE],
  'lock.set': ['entity', ENABLE],
  'lock.lifted': ['entity', DISABLE],
  'secret.sealed': ['entity', CREATE],
  'secret.destroyed': ['entity', DELETE],
  'content.transformed': ['finding', CREATE],
  'message.blocked': ['finding', CREATE],
  'content.opened': ['api', READ],
  'process.started': ['lifecycle', 3],
  'process.ended': ['lifecycle', 4],
  'subject.erased': ['entity', DELETE],
}

/** For types of which no more is known than what they are about. */
const BY_SUBJECT: Readonly<Record<string, Kind>> = {
  ...kinds(['agent', 'instance', 'operator', 'sponsor', 'subject', 'key', 'signing_key'], ['entity', UPDATE]),
  ...kinds(['server', 'tool', 'secret', 'lock', 'signal'], ['entity', UPDATE]),
  ...kinds(['task', 'lease', 'flow'], ['session', OTHER]),
  ...kinds(['message', 'call'], ['api', OTHER]),
  ...kinds(['retention', 'log', 'mirror'], ['lifecycle', OTHER]),
}

function kinds(subjects: readonly string[], kind: Kind): Record<string, Kind> {
  return Object.fromEntries(subjects.map((subject) => [subject, kind]))
}

/** Stages whose denial says that content or a value was not what it may be. */
const DETECTS: ReadonlySet<unknown> = new Set(['inspect', 'flow'])
/** Methods that only read. */
const READS = /(^|\/)(list|read|get|complete|templates)$/

export function kindOf({ type, data }: LogEntry): Kind {
  if (type === 'call.denied' && DETECTS.has(data.stage)) return ['finding', CREATE]
  if (type.startsWith('call.') && typeof data.method === 'string' && READS.test(data.method))
    return ['api', READ]
  // An intent holds what it costs; without a write, the tool is pinned as one that only reads.
  if (type === 'call.intent' && isObject(data.cost))
    return ['api', data.cost.writes === undefined ? READ : UPDATE]
  return BY_TYPE[type] ?? BY_SUBJECT[type.slice(0, type.indexOf('.'))] ?? ['base', OTHER]
}
