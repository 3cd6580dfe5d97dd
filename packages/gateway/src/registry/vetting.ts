import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { ToolKind, ToolView } from './tools.ts'

/** Why a definition may not be used now, or its arguments are wrong; undefined when all is well. */
export function check(
  views: ReadonlyMap<string, ToolView>,
  server: string,
  kind: ToolKind,
  name: string,
  args: JsonObject | undefined,
): Reason | undefined {
  const tool = `${server}/${kind === 'prompt' ? 'prompt:' : ''}${name.slice(0, 200)}`
  const view = views.get(`${kind}:${name}`)
  if (!view) return reason('TOOL_UNKNOWN', { tool })
  if (view.status === 'rejected') return reason('TOOL_REJECTED', { tool })
  if (view.status === 'proposed') return reason('TOOL_UNVETTED', { tool })
  if (view.status !== 'approved' || view.seenDigest !== view.pinnedDigest)
    return reason('TOOL_QUARANTINED', { tool })
  const detail = view.validate?.(args)
  return detail === undefined ? undefined : reason('TOOL_ARGUMENTS_INVALID', { tool, detail })
}
