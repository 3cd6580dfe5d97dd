import type { LogPosition } from '../model/evidence.ts'
import type { EndedCall } from '../trace/ended-call.ts'
import type { Exchange } from './exchange.ts'

/** What those who watch calls are told of one. */
export function endedCall(
  { id, startedAt, trace, facts }: Exchange,
  end: Pick<EndedCall, 'result' | 'code' | 'destination'> & {
    readonly stage?: string | undefined
    readonly record: LogPosition | undefined
  },
): EndedCall {
  const { principal, action, task, grant, segments } = facts
  return {
    trace,
    id,
    startedAt,
    endedAt: performance.now(),
    protocol: action?.protocol ?? 'mcp',
    kind: action?.kind ?? 'control',
    method: action?.method ?? '',
    name: action?.name,
    server: action?.server ?? '',
    destination: end.destination,
    who: principal && {
      agent: principal.agent,
      instance: principal.instance,
      above: principal.chain.slice(1).map(({ agent }) => agent),
    },
    task: task?.id,
    grant: grant?.id,
    segments,
    result: end.result,
    code: end.code,
    stage: end.stage,
    logIndex: end.record?.index,
  }
}
