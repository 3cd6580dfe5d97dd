import type { CallTrace } from './call-trace.ts'

/** One exchange with an agent that is over. Names and sizes; no arguments, results, names of subjects, or secrets. */
export interface EndedCall {
  readonly trace: CallTrace
  /** `cal_…` */
  readonly id: string
  /** Monotonic milliseconds. */
  readonly startedAt: number
  readonly endedAt: number
  readonly protocol: 'mcp' | 'llm'
  readonly kind: string
  readonly method: string
  /** Of the tool, prompt or model; the agent's own words where the call was denied. */
  readonly name: string | undefined
  readonly server: string
  /** `host:port`; undefined for a child process. */
  readonly destination: string | undefined
  /** Undefined for a stranger. */
  readonly who:
    | { readonly agent: string; readonly instance: string; readonly above: readonly string[] }
    | undefined
  readonly task: string | undefined
  readonly grant: string | undefined
  /** Segments of the agent and of the server. */
  readonly segments: { readonly agent: string; readonly server: string } | undefined
  readonly result: 'ok' | 'error' | 'tool_error' | 'refused' | 'failed' | 'stopped' | 'gone' | 'denied'
  /** Reason code of what was refused, denied or failed. */
  readonly code: string | undefined
  /** The stage that denied it. */
  readonly stage: string | undefined
  /** Of the intent, or of the denial; undefined when there is no record. */
  readonly logIndex: number | undefined
}

/** Told of each exchange once it is over. MUST NOT throw, wait, or keep it. */
export type CallWatcher = (call: EndedCall) => void
