import { DURATION, inPrometheus, MCP_BOUNDS, MODEL_BOUNDS } from './conventions.ts'

interface Described {
  readonly help: string
  /** No label is the name of an agent, a user, a session or a task, so that nobody outside can make series. */
  readonly labels: readonly string[]
}

interface Histogrammed extends Described {
  /** Upper bounds, in seconds. */
  readonly bounds: readonly number[]
}

const STAGE_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5]

export const COUNTERS = {
  ostiary_calls_total: {
    help: 'Exchanges with agents that are over. `result` is how, `code` the reason code where one was given.',
    labels: ['protocol', 'kind', 'result', 'code'],
  },
  ostiary_tool_calls_total: {
    help: 'Admitted calls of approved tools and prompts. Beyond 100 of them the rest is counted as `other`.',
    labels: ['server', 'tool', 'result'],
  },
  ostiary_unread_total: {
    help: 'Requests refused before they could be read, by reason code.',
    labels: ['code'],
  },
} as const satisfies Record<string, Described>

export const HISTOGRAMS: Readonly<Record<string, Histogrammed>> = {
  [inPrometheus(DURATION.mcpServer)]: {
    help: 'Duration of MCP requests as agents see it.',
    labels: ['mcp_method_name', 'error_type'],
    bounds: MCP_BOUNDS,
  },
  [inPrometheus(DURATION.mcpClient)]: {
    help: 'Duration of the exchange with the MCP server alone.',
    labels: ['mcp_method_name', 'server', 'error_type'],
    bounds: MCP_BOUNDS,
  },
  [inPrometheus(DURATION.model)]: {
    help: 'Duration of the exchange with the provider of a model.',
    labels: ['gen_ai_operation_name', 'gen_ai_provider_name', 'server', 'error_type'],
    bounds: MODEL_BOUNDS,
  },
  ostiary_stage_duration_seconds: {
    help: 'Time a call spent in each stage, waiting included.',
    labels: ['stage'],
    bounds: STAGE_BOUNDS,
  },
}

/** Read when somebody asks. One label at most: the name of something that stands in the configuration. */
export const GAUGES = {
  ostiary_log_entries: { help: 'Durable entries of the log.', labels: [] },
  ostiary_log_unsigned_entries: { help: 'Durable entries that no signed checkpoint covers yet.', labels: [] },
  ostiary_log_waiting_entries: { help: 'Entries that wait for the disk.', labels: [] },
  ostiary_log_writable: { help: '1 while the log takes entries, otherwise 0.', labels: [] },
  ostiary_bus_alive: { help: '1 while it is known what was revoked; 0: nothing is admitted.', labels: [] },
  ostiary_locks_in_force: { help: 'Locks that stop something now.', labels: [] },
  ostiary_tokens: { help: 'Access tokens in memory.', labels: [] },
  ostiary_calls_open: { help: 'Calls that are open now, in all processes.', labels: [] },
  ostiary_witness_lag_entries: { help: 'Entries that a witness has not cosigned yet.', labels: ['witness'] },
  ostiary_mirror_lag_entries: {
    help: 'Entries that the last round of the mirror should have copied and has not: 0 unless it fails or catches up.',
    labels: ['mirror'],
  },
  ostiary_sink_lag_entries: { help: 'Entries that a sink has not taken yet.', labels: ['sink'] },
  ostiary_projection_lag_entries: { help: 'Entries that the searchable tables do not hold yet.', labels: [] },
} as const satisfies Record<string, Described>

export type GaugeName = keyof typeof GAUGES
