import { Document } from 'yaml'
import type { Proposal } from '../flow/propose.ts'

/** Proposed labels as a person would write them into ostiary.yaml, with what to look at above each. */
export function labelsYaml(proposals: readonly Proposal[]): string {
  const document = new Document({
    labels: Object.fromEntries(proposals.map(({ tool, label }) => [tool, label])),
  })
  document.commentBefore =
    ' Proposed from names and schemas, which are claims of their servers. Read and correct each before you use it:\n every mistake is a hole or a needless question. What each key means: docs/how-to/label-tools-and-let-flow-control-hold.md'
  for (const { tool, check } of proposals) {
    const node = document.getIn(['labels', tool], true)
    if (typeof node === 'object' && node !== null && check.length > 0)
      (node as { commentBefore?: string }).commentBefore = check.map((text) => ` ${text}`).join('\n')
    const args = document.getIn(['labels', tool, 'arguments'], true) as {
      items?: { value?: { flow?: boolean } }[]
    }
    for (const { value } of args?.items ?? []) if (value) value.flow = true
    for (const list of ['resolvers', 'intent']) {
      const found = document.getIn(['labels', tool, list], true) as { flow?: boolean } | undefined
      if (found) found.flow = true
    }
  }
  return document.toString({ lineWidth: 140 })
}
