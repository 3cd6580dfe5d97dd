import type { Json, JsonObject } from '../model/json.ts'
import type { ToolLabel } from './labels.ts'
import { leavesOf } from './paths.ts'
import type { Provenance } from './provenance.ts'
import { recordsIn } from './records.ts'
import { documentOf } from './result.ts'

/** Stage 17: what a result brought into the task, with the labels of its tool. A place that was written to untrustedly vouches for nothing. */
export function learn(provenance: Provenance, label: ToolLabel, call: string, result: JsonObject): void {
  const document: Json = documentOf(result)
  const isTainted = provenance.isTainted(label.place)
  for (const leaf of leavesOf(document)) {
    const { isTrusted, confidentiality } = label.result(leaf.path)
    provenance.learnLeaf(leaf, {
      source: { kind: 'result', call, tool: label.tool, path: leaf.path },
      isTrusted: isTrusted && !isTainted,
      confidentiality,
      readers: label.readers,
    })
  }
  for (const record of recordsIn(document, label.records)) provenance.learnRecord(record)
}
