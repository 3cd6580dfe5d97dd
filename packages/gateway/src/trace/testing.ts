import { CallTrace } from './call-trace.ts'
import type { EndedCall } from './ended-call.ts'

/** A call of a tool that went well, but for what a test says. */
export const endedCall = (more: Partial<EndedCall> = {}): EndedCall => ({
  trace: new CallTrace({}),
  id: 'cal_1',
  startedAt: 0,
  endedAt: 10,
  protocol: 'mcp',
  kind: 'tool',
  method: 'tools/call',
  name: 'echo',
  server: 'files',
  destination: undefined,
  who: { agent: 'agt_1', instance: 'ins_1', above: [] },
  task: 'tsk_1',
  grant: 'grt_1',
  segments: undefined,
  result: 'ok',
  code: undefined,
  stage: undefined,
  logIndex: 1,
  ...more,
})
