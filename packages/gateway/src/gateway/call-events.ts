import type { Action } from '../model/action.ts'
import type { LogEvent } from '../model/evidence.ts'
import type { Reason } from '../model/reasons.ts'
import type { Exchange, Facts } from './exchange.ts'
import { aboutOf, resultContent } from './kept-content.ts'
import { actorOf, describe, flowOf, keptOf } from './stages/record.ts'
import type { Outcome } from './transports/mcp/answer.ts'
import type { Blocked } from './transports/mcp/context.ts'

/** How an admitted call ended. */
export function outcomeEvent(exchange: Exchange, { result, code, bytes }: Outcome): LogEvent {
  const { principal, task, grant, intent } = exchange.facts as Facts
  return {
    type: 'call.outcome',
    actor: actorOf(principal),
    task: task.id,
    grant: grant.id,
    trace: exchange.trace.logged,
    data: {
      call: exchange.id,
      intent: intent.index,
      result,
      ...(code === undefined ? {} : { code }),
      bytes,
      ms: Math.round(performance.now() - exchange.startedAt),
      ...findingsOf(exchange),
    },
    ...keptResult(exchange),
  }
}

export function deniedEvent(
  exchange: Exchange,
  why: Reason,
  stage: string | undefined,
  keepsArguments: boolean,
): LogEvent {
  const { principal, task, tokenTask, grant, action } = exchange.facts
  return {
    type: 'call.denied',
    actor: principal ? actorOf(principal) : { kind: 'gateway' },
    // A lock stops a call before its task is looked at; the token says which it is.
    ...(task ? { task: task.id } : tokenTask === undefined ? {} : { task: tokenTask }),
    ...(grant ? { grant: grant.id } : {}),
    trace: exchange.trace.logged,
    ...(task && grant && action ? keptDenied({ task, grant, action }, keepsArguments) : {}),
    data: {
      call: exchange.id,
      ...(action ? describeUnverified(action) : {}),
      ...flowOf(exchange.facts),
      code: why.code,
      stage: stage ?? 'receive',
      ...findingsOf(exchange),
    },
  }
}

/** Something of an upstream that was not delivered: a message, or a call in a model's answer, which has a name. */
export function blockedEvent(exchange: Exchange, why: Reason, blocked: Blocked): LogEvent {
  const { task, action, grant } = exchange.facts as Facts
  const { name } = blocked
  const shown = name === undefined ? undefined : plain(name)
  const isHidden = name !== undefined && shown === undefined
  return {
    type: 'message.blocked',
    actor: { kind: 'gateway' },
    task: task.id,
    trace: exchange.trace.logged,
    ...(isHidden ? { ...aboutOf(task, action, grant), content: { name: name.slice(0, 2000) } } : {}),
    data: {
      call: exchange.id,
      server: action.server,
      method: plain(blocked.method) ?? '?',
      ...(shown === undefined ? {} : { name: shown }),
      code: why.code,
    },
  }
}

/** Names and methods as people give them, none of which is a sentence. Of what was refused nobody has seen that they exist. */
export const plain = (text: string): string | undefined =>
  /^[\w.:/@+$-]{0,128}$/.test(text) ? text : undefined

/** As {@link describe}, for a call whose names are only what an agent wrote: what reads like text is content, and not for the log itself. */
function describeUnverified(action: Action) {
  const { name, ...rest } = describe(action)
  const shown = name === undefined ? undefined : plain(name)
  const [server, method] = [plain(action.server) ?? '?', plain(action.method) ?? '?']
  return { ...rest, server, method, ...(shown === undefined ? {} : { name: shown }) }
}

function keptDenied(facts: Pick<Facts, 'task' | 'action' | 'grant'>, keepsArguments: boolean) {
  const { about, content } = keptOf(facts, keepsArguments)
  const { name } = facts.action
  const hidden = name === undefined || plain(name) !== undefined ? {} : { name: name.slice(0, 2000) }
  const all = { ...content, ...hidden }
  return { ...(about ? { about } : {}), ...(Object.keys(all).length === 0 ? {} : { content: all }) }
}

const findingsOf = ({ findings }: Exchange) => (findings.size === 0 ? {} : { findings: [...findings] })

/** What came back, where the configuration keeps it. */
function keptResult({ result, facts }: Exchange): Pick<LogEvent, 'about' | 'content'> {
  if (result === undefined) return {}
  const { task, action, grant } = facts as Facts
  return { ...aboutOf(task, action, grant), content: resultContent(result) }
}
