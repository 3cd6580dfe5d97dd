import { z } from 'zod'
import { AuditSchema } from './audit-schema.ts'
import { CredentialSchema } from './credential-schema.ts'
import { Duration, Name, SecretRef, Value } from './fields.ts'
import { FirewallSchema } from './firewall-schema.ts'
import { FlowSchema } from './flow-schema.ts'
import { InteractiveSchema } from './interactive-schema.ts'
import { LabelsSchema } from './label-schema.ts'
import { LocalTool, ModelSchema } from './model-schema.ts'
import { PeopleSchema } from './people-schema.ts'
import { SignalsSchema } from './signals-schema.ts'
import { ServerTraceSchema, TelemetrySchema } from './telemetry-schema.ts'
import { TrustSchema } from './trust-schema.ts'

export { durationMs, Name, type SecretReference } from './fields.ts'
export { KEY_HEADERS, type ModelApi, type ModelConfig } from './model-schema.ts'

const Constraint = z
  .strictObject({
    eq: z.union([z.string(), z.number(), z.boolean()]).optional(),
    one_of: z
      .array(z.union([z.string(), z.number(), z.boolean()]))
      .min(1)
      .optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    prefix: z.string().min(1).optional(),
    cidr: z.string().min(1).optional(),
    max_len: z.number().int().nonnegative().optional(),
    forbidden: z.literal(true).optional(),
    subject: z
      .literal(true)
      .optional()
      .describe('The value is the subject of the task; becomes `eq` when the task is opened.'),
  })
  .refine((c) => Object.keys(c).length > 0, 'give at least one operator')
  .refine(
    (c) => !(c.subject && (c.eq !== undefined || c.one_of)),
    '`subject` stands instead of `eq` or `one_of`',
  )
  .describe('What one argument must satisfy; all operators given must hold.')

const MAY_ASK = ['elicitation/create', 'roots/list', 'sampling/createMessage'] as const

const serverCommon = {
  credential: CredentialSchema.optional().describe(
    'What the gateway mints for each task on this server, and revokes when the task ends.',
  ),
  may_ask: z
    .array(z.enum(MAY_ASK))
    .default([])
    .describe(
      'Requests this server may send to the client. None by default: each lets the server steer the agent or its user.',
    ),
  timeout: Duration.default('60s').describe('Longest silence of the server while a call is open.'),
  trace: ServerTraceSchema.prefault({}).describe(
    'What of an agent’s trace context this server may see beside the gateway’s own span. Nothing by default.',
  ),
  reverify: Duration.default('10s').describe(
    'How long a verified tool list counts as fresh before a call re-verifies it.',
  ),
}

const StdioServer = z.strictObject({
  command: z
    .string()
    .min(1)
    .describe('Program to run. It gets exactly the environment given here, plus PATH and HOME.'),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), Value).default({}),
  cwd: z.string().optional(),
  ...serverCommon,
})

const HttpServer = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).describe('Address of the Streamable HTTP endpoint.'),
  headers: z
    .record(z.string(), Value)
    .default({})
    .describe('Headers injected on the way out; the agent never sees them.'),
  sign_requests: z
    .boolean()
    .default(false)
    .describe('Sign every request (RFC 9421) with the key in /oauth/jwks, for servers that verify it.'),
  ...serverCommon,
})

export const TaskTemplateSchema = z.strictObject({
  purpose: z
    .string()
    .min(1)
    .max(200)
    .describe('Why an agent may do this; shown to people and kept in every record.'),
  agents: z
    .array(z.union([Name, z.literal('*')]))
    .min(1)
    .describe('Agents that may open it.'),
  tools: z
    .record(
      z.string().regex(/^[a-z0-9-]+\/.+$/, 'write server/tool or server/*'),
      z.record(z.string(), Constraint).nullable(),
    )
    .default({})
    .describe('`server/tool` (or `server/*`: every approved tool) to constraints by argument name.'),
  prompts: z.array(z.string().regex(/^[a-z0-9-]+\/.+$/, 'write server/prompt or server/*')).default([]),
  resources: z
    .array(
      z.strictObject({
        server: Name,
        uri: z.string().min(1).describe('Exact URI, or a prefix ending in *.'),
      }),
    )
    .default([]),
  models: z
    .array(z.string().regex(/^[a-z0-9-]+(\/.+)?$/, 'write a provider, or provider/model'))
    .default([])
    .describe('`provider` (every model it may be asked for) or `provider/model`.'),
  local_tools: z
    .array(LocalTool)
    .default([])
    .describe(
      'Functions that a model may call though no server of the task has them, because the agent carries them out by itself. None by default: what is done past the gateway is not guarded.',
    ),
  budget: z
    .strictObject({
      calls: z.number().int().positive().optional(),
      writes: z
        .number()
        .int()
        .nonnegative()
        .optional()
        .describe('Calls of tools that are not pinned as read-only.'),
      subjects: z
        .number()
        .int()
        .positive()
        .optional()
        .describe('Distinct values of the arguments named in `subject_arguments`.'),
      bytes: z.number().int().positive().optional(),
      spend: z.number().positive().optional().describe('Sum of the `costs` of the calls made.'),
    })
    .default({})
    .describe('What one task may use up, its sub-agents included.'),
  subject_arguments: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Arguments whose values are subjects (patients, customers), whom a call is about, and for counting them.',
    ),
  costs: z
    .record(z.string().regex(/^[a-z0-9-]+\/.+$/, 'write server/tool'), z.number().nonnegative())
    .default({})
    .describe('Cost of one call of a tool or model, in units of your choice, for `budget.spend`.'),
  delegate: z
    .strictObject({
      to: z
        .array(z.union([Name, z.literal('*')]))
        .min(1)
        .describe('Agents that a part of the task may be handed to.'),
      depth: z.number().int().min(1).max(5).default(1).describe('Links of delegation below the task.'),
    })
    .optional()
    .describe('Lets the agent hand parts of the task to sub-agents. Never by default.'),
  step_up: z
    .array(Name)
    .default([])
    .describe('Templates whose rights may be added to the task while it is open.'),
  record_class: Name.optional().describe(
    'Class that says how long content of these tasks is kept: see `audit.retention`. `clinical` where a task has a subject, else `general`.',
  ),
  lifetime: Duration.default('1h'),
  idle: Duration.default('15m').describe('The task ends after this long without a call.'),
})

export const ConfigSchema = z.strictObject({
  version: z.literal(1),
  listen: z
    .strictObject({
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Address to listen on. Loopback unless you have TLS in front.'),
      port: z.number().int().min(0).max(65535).default(7770).describe('0 picks a free port.'),
      url: z.url().optional().describe('Public base address, when a TLS proxy stands in front.'),
      tls: z
        .strictObject({
          cert: z.string().min(1).describe('PEM file of the certificate and what it chains to.'),
          key: SecretRef.describe('Private key, PEM.'),
          client_certificates: z
            .boolean()
            .default(false)
            .describe('Ask clients for a certificate, for tokens bound to it (RFC 8705).'),
        })
        .optional()
        .describe('Speak TLS without a proxy in front.'),
      hosts: z.array(z.string()).default([]).describe('Further Host header values to accept.'),
      origins: z.array(z.string()).default([]).describe('Web origins that may call. None by default.'),
    })
    .prefault({}),
  data: z.string().default('.ostiary').describe('Private data folder, relative to this file. Read at start.'),
  workers: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Processes that serve connections. Limits per instance hold for the machine. Read at start.'),
  store: z
    .union([
      z.strictObject({ kind: z.literal('sqlite') }),
      z.strictObject({ kind: z.literal('postgres'), url: SecretRef.describe('Connection string.') }),
    ])
    .default({ kind: 'sqlite' }),
  limits: z
    .strictObject({
      body: z
        .number()
        .int()
        .min(1024)
        .max(67_108_864)
        .default(4_194_304)
        .describe('Largest request body, bytes.'),
      message: z
        .number()
        .int()
        .min(1024)
        .max(67_108_864)
        .default(16_777_216)
        .describe('Largest message from a server, bytes.'),
      body_timeout: Duration.default('20s').describe('Time for a request body to arrive.'),
      rate: z.number().int().positive().default(2000).describe('Calls a second per instance. Read at start.'),
      in_flight: z
        .number()
        .int()
        .positive()
        .default(256)
        .describe('Open calls per instance in each process.'),
      queue: z
        .number()
        .int()
        .positive()
        .default(4096)
        .describe('Records waiting for the disk before calls are refused. Read at start.'),
    })
    .prefault({}),
  keys: z
    .strictObject({
      kek: z
        .union([
          z.strictObject({ file: z.string().min(1) }),
          z.strictObject({ env: z.string().min(1) }),
          z.strictObject({
            command: z
              .tuple([z.string().min(1)], z.string())
              .describe('Program and arguments, run without a shell: how a KMS comes in.'),
          }),
        ])
        .optional()
        .describe(
          'Where the key comes from that sealed secrets hang on: 32 bytes in base64. A private file unless given. Read at start.',
        ),
    })
    .prefault({}),
  tokens: z
    .strictObject({
      lifetime: Duration.default('5m').describe('Lifetime of an access token. Read at start.'),
      key_lifetime: Duration.default('30d').describe(
        'Age at which an instance has to take a new key; it has a day for it. Read at start.',
      ),
      plain_proofs: z
        .boolean()
        .default(false)
        .describe(
          'Accept proofs that are not for a body, as plain RFC 9449 has them. Whoever can change a request on its way could then change its body.',
        ),
      proof_window: Duration.default('60s').describe(
        'How far a proof may be from this clock. Read at start.',
      ),
    })
    .prefault({}),
  servers: z.record(Name, z.union([StdioServer, HttpServer])).default({}),
  models: z
    .record(Name, ModelSchema)
    .default({})
    .describe('Providers of models, reached at /llm/<name>. No server may have the same name.'),
  segments: z
    .record(
      Name,
      z.strictObject({
        agents: z.array(z.union([Name, z.literal('*')])).default([]),
        servers: z.array(z.union([Name, z.literal('*')])).default([]),
        models: z.array(z.union([Name, z.literal('*')])).default([]),
      }),
    )
    .default({})
    .describe('Zones. An exact name wins over `*`.'),
  routes: z
    .array(z.strictObject({ from: Name, to: Name }))
    .default([])
    .describe('Which segment may reach which. Anything else is refused.'),
  tasks: z.record(Name, TaskTemplateSchema).default({}).describe('Task templates.'),
  trust: TrustSchema.default({}).describe(
    'Issuers and authorities whose workloads come in without a one-time code.',
  ),
  people: PeopleSchema.optional().describe('How people sign in. Read at start.'),
  signals: SignalsSchema.prefault({}),
  interactive: InteractiveSchema.optional().describe(
    'MCP clients that people use: sign-in, consent, and a task on their behalf.',
  ),
  policies: z.array(z.string()).default([]).describe('Cedar policy files, relative to this file.'),
  telemetry: TelemetrySchema.prefault({}).describe('OpenTelemetry and Prometheus. Read at start.'),
  firewall: FirewallSchema.prefault({}).describe('What is done with what detectors find in content.'),
  flow: FlowSchema.prefault({}).describe('Where a value came from decides where it may go.'),
  audit: AuditSchema.prefault({}).describe('What the log keeps, for how long, and who follows it.'),
  labels: LabelsSchema.default({}).describe(
    '`server/tool` to what its arguments can do and where its results come from. A tool without labels is untrusted at its output and consequential at its input.',
  ),
})

export type Config = z.output<typeof ConfigSchema>
export type ServerConfig = Config['servers'][string]
export type StdioServerConfig = z.output<typeof StdioServer>
export type TaskTemplate = z.output<typeof TaskTemplateSchema>
export type MayAsk = (typeof MAY_ASK)[number]

export const isStdio = (server: ServerConfig): server is StdioServerConfig => 'command' in server
