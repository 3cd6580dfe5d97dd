import { OWN_TASK } from '../credentials/leases.ts'
import type { LogEvent } from '../model/evidence.ts'
import type { Run } from './transports/mcp/upstream-stdio.ts'

/** A child process began, or ended: what of a call goes on beside the gateway, in order with the rest. */
export const processEvent = (
  server: string,
  { id, task, trace }: Run,
  end?: { readonly code: number | null; readonly detail: string },
): LogEvent => ({
  type: end ? 'process.ended' : 'process.started',
  actor: { kind: 'gateway' },
  ...(task === OWN_TASK ? {} : { task }),
  ...(trace ? { trace } : {}),
  data: { process: id, server, ...end },
})
