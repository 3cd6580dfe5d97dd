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
      const beside = besideOf(action, outgoing as Json)
      const flow = await authority.judge({
        task: { id: task.id, txn: task.txn },
        call: exchange.id,
        tool: flowName(action),
        args,
        beside,
        decoded: [...decodedIn(args), ...decodedIn(beside)],
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
  if (kind === 'reply')
    return isObject(outgoing) ? { result: outgoing.result ?? null, error: outgoing.error ?? null } : {}
  // Answers to what the server asked go in beside the arguments; labels may speak of them under this name.
  const answers = isObject(params) ? params.inputResponses : undefined
  return { ...args, ...(answers === undefined ? {} : { inputResponses: answers }) }
}

/** Members of `params` that {@link argumentsOf} has, or that name a vetted tool or prompt. */
function judgedMembers(kind: Facts['action']['kind']): readonly string[] {
  if (kind === 'resource') return ['uri']
  return ['arguments', 'inputResponses', ...(kind === 'tool' || kind === 'prompt' ? ['name'] : [])]
}

/** What else goes to the server, from the id to members of `params` that are no arguments. A model is given what it is asked, and no more. */
function besideOf({ kind, params }: Facts['action'], outgoing: Json): JsonObject {
  if (kind === 'model' || !isObject(outgoing)) return {}
  const envelope = without(outgoing, kind === 'reply' ? ['result', 'error'] : ['params'])
  return { envelope, params: isObject(params) ? without(params, judgedMembers(kind)) : (params ?? null) }
}

const without = (object: JsonObject, names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))

/** What stands in the arguments in another form, so that nothing leaves because it was written in base64. */
function decodedIn(args: JsonObject): DecodedLeaf[] {
  const allowance = new Allowance()
  return leavesOf(args).flatMap(({ path, value }) => {
    if (typeof value !== 'string') return []
    allowance.grow(value.length)
    return decodedForms(value, allowance).map(({ text, isGuess }) => ({ path, value: text, isGuess }))
  })
}
