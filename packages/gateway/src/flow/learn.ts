import type { JsonObject } from '../model/json.ts'
import type { CanonicalKey } from './canonical.ts'
import { keysOf } from './canonical.ts'
import { entitiesIn } from './entities.ts'
import type { ToolLabel } from './labels.ts'
import type { Leaf } from './paths.ts'
import { leavesOf } from './paths.ts'
import type { Provenance } from './provenance.ts'
import { recordsIn } from './records.ts'
import { readResult } from './result.ts'

/** Characters of one result that are taken in; more make the task count as full. */
const MAX_TEXT = 2_097_152

/**
 * Stage 17: what a result brought into the task, with the labels of its tool. A place that was written to untrustedly vouches for nothing,
 * nor does an error, nor a value that went in with the call and only comes back.
 */
export function learn(
  provenance: Provenance,
  label: ToolLabel,
  {
    call,
    args,
    sent = args,
    result,
  }: {
    readonly call: string
    readonly args: JsonObject
    /** All that went in, also beside the arguments; the arguments unless given. */
    readonly sent?: JsonObject | undefined
    readonly result: JsonObject
  },
): void {
  const { document, rest } = readResult(result)
  const isVouched = !provenance.isTainted(label.place) && result.isError !== true
  const went = leavesOf(sent)
  const echoed = new Set(went.flatMap(keysIn))
  let left = MAX_TEXT
  for (const leaf of [...leavesOf(document), ...rest]) {
    if (typeof leaf.value === 'string') left -= leaf.value.length
    if (left < 0) return provenance.overflow()
    const { isTrusted, confidentiality } = label.result(leaf.path)
    const origin = {
      source: { kind: 'result', call, tool: label.tool, path: leaf.path } as const,
      isTrusted: isTrusted && isVouched,
      confidentiality,
      readers: label.readers,
    }
    provenance.learnLeaf(leaf, origin, echoed)
  }
  if (result.isError !== true)
    for (const record of recordsIn(document, label.records, args)) {
      // Where the agent wrote what it liked, not only the person can have made it.
      const isPersons = record.isPersons && !provenance.isTainted(label.place)
      provenance.learnRecord({ ...record, isPersons })
    }
}

/** Every key of what stands in a value. */
export function keysIn({ value }: Leaf): readonly CanonicalKey[] {
  if (typeof value === 'string') return [...keysOf(value), ...entitiesIn(value).flatMap(({ keys }) => keys)]
  return typeof value === 'number' || typeof value === 'boolean' ? keysOf(value) : []
}
