import type { Config } from '../config/schema.ts'
import { streamGates } from '../firewall/stream.ts'
import type { Authority } from './authority.ts'
import type { Facts } from './exchange.ts'
import type { Route } from './front.ts'
import { flowName } from './stages/flow.ts'
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
    gates: (onFindings, handling) => streamGates({ scanner: shared.scanner, secrets, onFindings, handling }),
    asked: (exchange) => tellFlow(shared.authority, exchange.facts as Facts, exchange.id),
  }
  const endpoint = new LlmEndpoint(context)
  return {
    matches: (path) => path.startsWith('/llm/'),
    handle: (req, res, path) => endpoint.handle(req, res, path),
  }
}

/**
 * What the person says is what values are judged by; what else the model is given is content like any other, wherever the agent has it from.
 * Both are the agent's word, so the person is heard only as long as nothing could have changed the agent's mind.
 */
async function tellFlow(authority: Authority, { task, action, turns }: Facts, call: string): Promise<void> {
  const { id, txn } = task
  await authority.hear({ task: { id, txn }, words: turns.person })
  if (turns.untrusted.length === 0) return
  await authority.learn({
    task: { id, txn },
    call,
    tool: flowName(action),
    args: {},
    // The agent composes what it asks a model, so a link in it is not one that content held before.
    sent: { said: [...turns.untrusted] },
    result: { content: turns.untrusted.map((text) => ({ type: 'text', text })) },
    isSuspect: false,
  })
}
