import type { Sampler } from './call-trace.ts'
import type { CallWatcher } from './ended-call.ts'

/** What one process does to be seen; each member is undefined where it was not configured, and then costs nothing. */
export interface Telemetry {
  readonly sampler: Sampler | undefined
  readonly watch: CallWatcher | undefined
  /** @param ms that the stage took, waiting included */
  readonly onStage: ((stage: string, ms: number) => void) | undefined
  /** A request that was refused before it could be read; with its reason code. */
  readonly onUnread: ((code: string) => void) | undefined
}

export const NO_TELEMETRY: Telemetry = {
  sampler: undefined,
  watch: undefined,
  onStage: undefined,
  onUnread: undefined,
}
