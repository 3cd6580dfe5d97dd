import type { Found } from '../../../firewall/scanner.ts'
import type { JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Exchange, Facts, MaybePromise } from '../../exchange.ts'
import { flowName } from '../../stages/flow.ts'
import type { McpContext } from './context.ts'
import type { Message } from './message.ts'
import type { About } from './resumption.ts'

const HAS_CONTENT: ReadonlySet<string> = new Set(['tool', 'prompt', 'resource', 'complete'])

/** Stage 17 for one exchange: what a message of the upstream brings into the task, known before the agent sees it. */
export function labeller(
  context: McpContext,
  exchange: Exchange,
  about: About | undefined,
): (message: Message, findings: readonly Found[]) => MaybePromise<void> {
  const { action, task } = exchange.facts as Facts
  return (message, findings) => {
    const isSuspect = findings.some(({ severity }) => severity === 'escalate')
    const content = contentOf(message, about)
    if (content === undefined && !isSuspect) return undefined
    const isAnswer = message.type === 'response' && message.result !== undefined
    return context.authority.learn({
      task: { id: task.id, txn: task.txn },
      call: exchange.id,
      // An error is not what the tool's labels speak of, and of a stream that was taken up again it is not known whose answer it brings.
      tool: isAnswer && about?.method === action.method ? flowName(action) : `${action.server}#message`,
      args: action.args ?? {},
      sent: isObject(action.params) ? action.params : undefined,
      result: content ?? {},
      isSuspect,
    })
  }
}

/** What in a message somebody could have written; undefined for upkeep, and for definitions, which people have vetted. */
function contentOf(message: Message, about: About | undefined): JsonObject | undefined {
  if (message.type !== 'response') return isObject(message.params) ? message.params : undefined
  if (about === undefined) return undefined
  if (!HAS_CONTENT.has(about.kind) && about.row?.lists?.kind !== 'resource') return undefined
  if (isObject(message.result)) return message.result
  return message.error === undefined ? undefined : { error: message.error }
}
