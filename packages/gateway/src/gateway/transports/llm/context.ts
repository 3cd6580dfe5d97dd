import type { Handling } from '../../../firewall/handling.ts'
import type { Found } from '../../../firewall/scanner.ts'
import type { Exchange, MaybePromise } from '../../exchange.ts'
import type { McpContext } from '../mcp/context.ts'
import type { TextGate } from './judge.ts'
import type { Providers } from './providers.ts'

type Shared =
  | 'issuer'
  | 'authority'
  | 'pipeline'
  | 'scanner'
  | 'inFlight'
  | 'sampler'
  | 'denials'
  | 'limits'
  | 'rules'
  | 'outcome'
  | 'blocked'
  | 'challengeFor'
  | 'onBug'

/** Everything the transport for models is built with. What all transports have in common is the same as theirs, not a copy. */
export interface LlmContext extends Pick<McpContext, Shared> {
  readonly providers: Providers
  /** Largest answer, bytes. */
  answerLimit(): number
  /** Gates for the texts of one answer. */
  gates(onFindings: (findings: readonly Found[]) => void, handling: Handling | undefined): () => TextGate
  /**
   * Told of each request that is about to be forwarded, which waits until this resolves: `facts.turns` holds what it says, by whom. For what
   * is to be known of the values of a task.
   */
  asked(exchange: Exchange): MaybePromise<void>
}
