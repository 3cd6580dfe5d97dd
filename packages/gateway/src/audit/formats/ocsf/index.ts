import { hash } from 'node:crypto'
import { canonicalize } from '@ostiary/evidence'
import type { OcsfVersion } from '../../../config/sink-schema.ts'
import type { JsonObject } from '../../../model/json.ts'
import { eventId } from '../../delivery/sink.ts'
import type { StoredEntry } from '../../log.ts'
import type { Facts } from '../facts.ts'
import { briefly, factsOf } from '../facts.ts'
import type { Format, Source } from '../format.ts'
import { jsonLine } from '../printable.ts'
import { severityOf } from '../severity.ts'
import { attributesOf } from './attributes.ts'
import { CLASSES, kindOf } from './kinds.ts'
import { profilesOf } from './profiles.ts'

/** Open Cybersecurity Schema Framework: an event of the class that fits, with what has no place in it under `unmapped`. */
export const ocsf = (source: Source, version: OcsfVersion): Format => ({
  mediaType: 'application/json',
  encode: (stored) => jsonLine(event(stored, source, version, factsOf(stored.entry), unmapped(stored))),
  brief: (stored) =>
    jsonLine(event(stored, source, version, factsOf(stored.entry, briefly), { leaf: stored.leaf })),
})

function event(
  stored: StoredEntry,
  source: Source,
  version: OcsfVersion,
  facts: Facts,
  rest: JsonObject,
): JsonObject {
  const { entry } = stored
  const [kind, activity] = kindOf(entry)
  const [category, uid] = CLASSES[kind]
  const profiles = profilesOf(version, kind, entry, facts)
  const id = eventId(source.origin, stored)
  const whole: JsonObject = {
    category_uid: category,
    class_uid: uid,
    activity_id: activity,
    // What is not among the activities of a class has to be named.
    activity_name: entry.type,
    type_uid: uid * 100 + activity,
    time: entry.ts,
    severity_id: severityOf(entry).ocsf,
    ...(kind === 'finding' ? { status_id: 1 } : { status_id: STATUS[facts.outcome] }),
    ...(facts.code === undefined ? {} : { status_code: facts.code }),
    message: entry.type,
    metadata: {
      version,
      uid: id,
      event_code: entry.type,
      log_name: source.origin,
      product: { name: 'Ostiary', vendor_name: 'Ostiary', version: source.version },
      ...(profiles.names.length === 0 ? {} : { profiles: profiles.names }),
      ...(facts.call === undefined ? {} : { correlation_uid: facts.call }),
    },
    ...attributesOf(kind, facts, id),
    ...profiles.attributes,
    unmapped: rest,
  }
  return version === '1.9.0-dev' ? attested(whole, source.origin, id) : whole
}

const STATUS = { success: 1, failure: 2, denied: 2, unknown: 0 } as const

function unmapped({ index, leaf, entry }: StoredEntry): JsonObject {
  const { task, grant, data, subjects } = entry
  return {
    index,
    leaf,
    ...(task === undefined ? {} : { task }),
    ...(grant === undefined ? {} : { grant }),
    ...(subjects === undefined ? {} : { subjects }),
    data,
  }
}

/** Profile `record_integrity` of 1.9: a fingerprint over the event in canonical JSON without the fingerprint itself. */
function attested(whole: JsonObject, origin: string, id: string): JsonObject {
  const about = { uid: id, authority_uid: origin, chain_uid: origin }
  const value = hash('sha256', canonicalize({ ...whole, attestation_list: [about] }))
  return { ...whole, attestation_list: [{ ...about, fingerprint: { algorithm_id: 3, value } }] }
}
