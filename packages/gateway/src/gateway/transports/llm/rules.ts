import type { ModelConfig } from '../../../config/schema.ts'
import type { Reason } from '../../../model/reasons.ts'
import { reason } from '../../../model/reasons.ts'
import type { ModelRequest, Path } from './codec.ts'

/** A file that somebody put at the provider before; whose it is, nobody here knows. */
const KEPT = /"file_?[iI]d":"/

/** What stands against a request for what it holds, before anybody looks at what it says. */
export function refusedIn(request: ModelRequest, provider: string, config: ModelConfig): Reason | undefined {
  const [unknown] = request.unknown
  if (unknown) return reason('MODEL_REQUEST_REFUSED', { member: shown(unknown) })
  const [hidden] = request.hidden
  if (hidden) return reason('MODEL_STATE_REFUSED', { member: shown(hidden) })
  const bypassing = request.bypassing.find((tool) => config.provider_tools === 'refuse' || !tool.removable)
  if (bypassing) return reason('MODEL_TOOL_REFUSED', { tool: plainName(bypassing.type), model: provider })
  for (const { kind, path, text } of request.parts) {
    if (kind === 'link') return reason('MODEL_LINK_REFUSED', { member: shown(path) })
    if (kind === 'media' && KEPT.test(text)) return reason('MODEL_STATE_REFUSED', { member: shown(path) })
  }
  return undefined
}

export const mayAsk = ({ models }: ModelConfig, id: string): boolean =>
  models.includes('*') || models.includes(id)

const shown = (path: Path): string => plainName(path.join('.'))

/** A name that an agent or a model chose, for a sentence. */
export const plainName = (name: string): string => name.replace(/[^\w.:/?= -]/g, '?').slice(0, 100)
