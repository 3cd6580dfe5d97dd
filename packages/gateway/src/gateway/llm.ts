import type { Config } from '../config/schema.ts'
import { streamGates } from '../firewall/stream.ts'
import type { Route } from './front.ts'
import type { LlmContext } from './transports/llm/context.ts'
import { LlmEndpoint } from './transports/llm/endpoint.ts'
import type { Providers } from './transports/llm/providers.ts'
import type { McpContext } from './transports/mcp/context.ts'

/** What the side of models has beside what all transports share. */
interface LlmParts {
  readonly providers: Providers
  config(): Config
  /** Secret values by name, for recognising them in answers. */
  secrets(): ReadonlyMap<string, string>
}

/** `/llm/{provider}/…`, with the stages, the records and the limits of every other call. */
export function llmRoute(shared: McpContext, { providers, config, secrets }: LlmParts): Route {
  const context: LlmContext = {
    ...shared,
    providers,
    answerLimit: () => config().limits.message,
    gates: (onFindings) => streamGates({ scanner: shared.scanner, secrets, onFindings }),
    asked() {},
  }
  const endpoint = new LlmEndpoint(context)
  return {
    matches: (path) => path.startsWith('/llm/'),
    handle: (req, res, path) => endpoint.handle(req, res, path),
  }
}
