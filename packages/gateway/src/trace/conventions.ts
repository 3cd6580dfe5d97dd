/**
 * Every name this gateway uses of the OpenTelemetry conventions for GenAI and MCP, and its own beside them. They are in development
 * upstream, so they change here, against the pinned schema, or not at all.
 */
export const SCHEMA_URL = 'https://opentelemetry.io/schemas/gen-ai/1.42.0'

/** Attributes of spans. */
export const ATTRIBUTE = {
  method: 'mcp.method.name',
  operation: 'gen_ai.operation.name',
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  agentId: 'gen_ai.agent.id',
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
  error: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  transport: 'network.transport',
  call: 'ostiary.call',
  server: 'ostiary.server',
  instance: 'ostiary.instance',
  delegatedBy: 'ostiary.delegated_by',
  task: 'ostiary.task',
  grant: 'ostiary.grant',
  agentSegment: 'ostiary.segment.agent',
  serverSegment: 'ostiary.segment.server',
  decision: 'ostiary.decision',
  code: 'ostiary.decision.code',
  stage: 'ostiary.decision.stage',
  logIndex: 'ostiary.log.index',
} as const

/** Attributes of the process. */
export const RESOURCE = {
  name: 'service.name',
  version: 'service.version',
  instance: 'service.instance.id',
  log: 'ostiary.log.origin',
} as const

export const EXECUTE_TOOL = 'execute_tool'
export const TOOL_ERROR = 'tool_error'
/** An error of which no class is known. */
export const OTHER_ERROR = '_OTHER'

/** `gen_ai.operation.name` and `gen_ai.provider.name` by the API a model is asked through. */
export const MODEL_APIS: Readonly<Record<string, { readonly operation: string; readonly provider: string }>> =
  {
    'openai-chat': { operation: 'chat', provider: 'openai' },
    'openai-responses': { operation: 'chat', provider: 'openai' },
    'anthropic-messages': { operation: 'chat', provider: 'anthropic' },
    gemini: { operation: 'generate_content', provider: 'gcp.gemini' },
  }

/** Instruments, as Prometheus spells them: dots become underscores, and the unit comes last. */
export const DURATION = {
  mcpServer: 'mcp.server.operation.duration',
  mcpClient: 'mcp.client.operation.duration',
  model: 'gen_ai.client.operation.duration',
} as const

/** Bounds of the histograms, in seconds, as the conventions advise them. */
export const MCP_BOUNDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
export const MODEL_BOUNDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]

export const inPrometheus = (instrument: string): string => `${instrument.replaceAll('.', '_')}_seconds`
