import { plain } from '../canonical.ts'
import { says } from '../entities.ts'
import type { Provenance } from '../provenance.ts'
import type { FlowRecord } from '../records.ts'

/** Shorter names are said by chance. */
const MIN_NAME = 3

/**
 * Whether the request names this record and no other of its kind by that name: somebody who can make records could give one the name of
 * what the person means.
 */
export function isNamed(record: FlowRecord, provenance: Provenance): boolean {
  const said = record.names.filter((name) => name.length >= MIN_NAME && says(provenance.requestText, name))
  return said.some((name) => !hasTwin(record, plain(name), provenance))
}

function hasTwin(record: FlowRecord, name: string, provenance: Provenance): boolean {
  for (const other of provenance.records()) {
    if (other.type !== record.type || other.id === record.id) continue
    if (other.names.some((its) => plain(its) === name)) return true
  }
  return false
}
