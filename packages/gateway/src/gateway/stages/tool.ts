import { ALLOW, deny } from '../../model/decision.ts'
import { isObject } from '../../model/json.ts'
import { check } from '../../registry/vetting.ts'
import type { ToolView } from '../../registry/views.ts'
import type { Authority } from '../authority.ts'
import type { Stage } from '../exchange.ts'

/** Only what was approved counts, and only when it says so: the hint of MCP's tool annotations, as a person saw and pinned it. */
const isReadOnly = (view: ToolView | undefined): boolean =>
  isObject(view?.pinned?.annotations) && view.pinned.annotations.readOnlyHint === true

/** 6: known, approved, its digest unchanged at the upstream right now, and the arguments match the pinned schema. */
export function toolStage(authority: Authority): Stage<'action' | 'verifyTool', 'isWrite'> {
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
      const views = await authority.tools(action.server)
      const after = check(views, action.server, kind, action.name ?? '', action.args)
      if (after) return { decision: deny(after) }
      return { decision: ALLOW, facts: { isWrite: !isReadOnly(views.get(`${kind}:${action.name}`)) } }
    },
  }
}
