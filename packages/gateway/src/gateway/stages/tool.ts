import { ALLOW, deny } from '../../model/decision.ts'
import { check } from '../../registry/vetting.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'

/** 6: known, approved, its digest unchanged at the upstream right now, and the arguments match the pinned schema. */
export function toolStage(authority: Authority): Stage<'action' | 'verifyTool'> {
  return {
    name: 'tool',
    async run({ action, verifyTool }) {
      const kind = action.kind === 'prompt' ? 'prompt' : 'tool'
      // Cheap refusals first: an unvetted tool makes no request to the upstream.
      const before = check(
        await authority.tools(action.server),
        action.server,
        kind,
        action.name ?? '',
        action.args,
      )
      if (before) return { decision: deny(before) }
      await verifyTool()
      const after = check(
        await authority.tools(action.server),
        action.server,
        kind,
        action.name ?? '',
        action.args,
      )
      return { decision: after ? deny(after) : ALLOW }
    },
  }
}
