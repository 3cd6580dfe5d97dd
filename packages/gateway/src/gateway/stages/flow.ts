import { Allowance } from '../../firewall/allowance.ts'
import { decodedForms } from '../../firewall/decoded-forms.ts'
import type { DecodedLeaf } from '../../flow/judge.ts'
import { leavesOf } from '../../flow/paths.ts'
import { ALLOW } from '../../model/decision.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'
import type { Authority } from '../authority.ts'
import type { Facts, Stage } from '../exchange.ts'

/**
 * 11: where the values in consequential arguments come from, and whether they may go where they are about to. What it finds is decided upon
 * by policy and, where it holds the call, by stage 12.
 */
export function flowStage(authority: Authority): Stage<'action' | 'task' | 'outgoing' | 'isSuspect', 'flow'> {
  return {
    name: 'flow',
    async run({ action, task, outgoing, isSuspect }, exchange) {
      const args = argumentsOf(action, outgoing as Json)
      const flow = await authority.judge({
        task: { id: task.id, txn: task.txn },
        call: exchange.id,
        tool: flowName(action),
        args,
        decoded: decodedIn(args),
        // What is asked of a model is full of orders to a model; where its words come from is told elsewhere.
        isSuspect: isSuspect && action.kind !== 'model',
      })
      return { decision: ALLOW, facts: { flow } }
    },
  }
}

/** The name under which labels know a tool, and what is no tool: `server#prompts/get`, `server#resources/read`. */
export const flowName = ({ server, kind, name, method }: Facts['action']): string =>
  kind === 'tool' ? `${server}/${name ?? ''}` : `${server}#${method}`

function argumentsOf({ kind, name, args, params }: Facts['action'], outgoing: Json): JsonObject {
  if (kind === 'resource') return { uri: name ?? '' }
  if (kind === 'reply') return { reply: outgoing }
  // Answers to what the server asked go in beside the arguments; labels may speak of them under this name.
  const answers = isObject(params) ? params.inputResponses : undefined
  return { ...args, ...(answers === undefined ? {} : { inputResponses: answers }) }
}

/** What stands in the arguments in another form, so that nothing leaves because it was written in base64. */
function decodedIn(args: JsonObject): DecodedLeaf[] {
  const allowance = new Allowance()
  return leavesOf(args).flatMap(({ path, value }) => {
    if (typeof value !== 'string') return []
    allowance.grow(value.length)
    return decodedForms(value, allowance).map(({ text, isGuess }) => ({ path, value: text, isGuess }))
  })
}
