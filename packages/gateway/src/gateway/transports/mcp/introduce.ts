import type { Injection } from '../../../credentials/injection.ts'
import { OWN_TASK } from '../../../credentials/leases.ts'
import type { Era } from '../../../model/action.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import { Refusal } from '../../../model/refusal.ts'
import type { Server } from '../../servers.ts'
import type { Line } from './verify.ts'
import { ask, listAll } from './verify.ts'

/** What a server says of itself when the gateway asks on its own account. */
export interface Introduction {
  readonly era: Era
  readonly instructions: string | undefined
  readonly tools: readonly JsonObject[]
  readonly prompts: readonly JsonObject[]
}

const PROBE_MS = 5000

/**
 * Meets a server: finds its era (modern first), reads instructions, tools and prompts, and leaves.
 * @throws Refusal TOOL_UNVERIFIED when the server cannot be asked
 */
export async function introduce(
  server: Server,
  injection: Injection,
  signal: AbortSignal,
): Promise<Introduction> {
  const line = (era: Era): Line => ({
    server,
    era,
    session: undefined,
    version: undefined,
    injection,
    task: OWN_TASK,
    signal,
  })
  const probe = { ...line('modern'), signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]) }
  const discovered = await ask(probe, 'server/discover', {}).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined
    throw error
  })
  if (discovered) return read(line('modern'), discovered.result)
  // The probe may have started a child of a stdio server.
  server.upstream.stop(OWN_TASK)
  return await meetLegacy(line('legacy'))
}

async function meetLegacy(line: Line): Promise<Introduction> {
  const { result, session } = await ask(line, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'ostiary', version: '0.1.0' },
  })
  const open: Line = {
    ...line,
    session,
    version: typeof result.protocolVersion === 'string' ? result.protocolVersion : undefined,
  }
  tell(open, 'POST', '{"jsonrpc":"2.0","method":"notifications/initialized"}')
  try {
    return await read(open, result)
  } finally {
    if (session !== undefined) tell(open, 'DELETE', undefined)
  }
}

async function read(line: Line, result: JsonObject): Promise<Introduction> {
  const capabilities = isObject(result.capabilities) ? result.capabilities : {}
  return {
    era: line.era,
    instructions: typeof result.instructions === 'string' ? result.instructions : undefined,
    tools: 'tools' in capabilities ? await listAll(line, 'tool') : [],
    prompts: 'prompts' in capabilities ? await listAll(line, 'prompt') : [],
  }
}

/** A message without an answer. */
function tell(line: Line, method: 'POST' | 'DELETE', body: string | undefined): void {
  line.server.upstream.send(
    {
      method,
      body,
      id: undefined,
      era: line.era,
      opens: false,
      session: line.session,
      headers: line.version === undefined ? {} : { 'mcp-protocol-version': line.version },
      injection: line.injection,
      task: line.task,
    },
    { head() {}, json() {}, event: () => true, end() {} },
    line.signal,
  )
}
