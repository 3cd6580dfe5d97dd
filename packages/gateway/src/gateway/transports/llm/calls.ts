import type { Handling } from '../../../firewall/handling.ts'
import type { Found, Scanner } from '../../../firewall/scanner.ts'
import type { CompiledGrant } from '../../../grants/compile.ts'
import { mapStrings } from '../../../lib/json-splice.ts'
import type { Action } from '../../../model/action.ts'
import type { Json, JsonObject } from '../../../model/json.ts'
import { isObject } from '../../../model/json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { nextStep, reason, sentence } from '../../../model/reasons.ts'
import { check } from '../../../registry/vetting.ts'
import type { ToolView } from '../../../registry/views.ts'
import type { MaybePromise } from '../../exchange.ts'
import type { Owned } from '../mcp/aggregate.ts'
import { joinName } from '../mcp/aggregate.ts'
import type { CallVerdict, ToolCall } from './codec.ts'
import { readArguments } from './judge.ts'
import { plainName } from './rules.ts'

export interface CallRules {
  readonly grant: CompiledGrant
  readonly scanner: Scanner
  /** Of the operator; here it only blocks. */
  readonly handling?: Handling | undefined
  tools(server: string): MaybePromise<ReadonlyMap<string, ToolView>>
  onFindings(findings: readonly Found[]): void
  onRemoved(why: Reason, tool: string): void
}

/**
 * Decides about the calls in an answer, before the agent sees one: what is called is a tool that the grant covers, with arguments that match
 * its pinned schema, or one that the agent has by itself. Whether it may happen when it comes to it is for the stages of that very call.
 */
export const decider =
  (rules: CallRules) =>
  async (call: ToolCall): Promise<CallVerdict> => {
    const read = inspected(call, rules)
    const why = 'why' in read ? read.why : await refusedCall(call, read.args, rules)
    if (why) {
      rules.onRemoved(why, plainName(call.name))
      return { kind: 'remove', notice: notice(call, why) }
    }
    return 'changed' in read && read.changed !== undefined
      ? { kind: 'replace', args: read.changed }
      : { kind: 'pass' }
  }

type Inspected = { readonly why: Reason } | { readonly args: Json | undefined; readonly changed?: string }

/** Without text that is hidden from people. */
function inspected(call: ToolCall, { scanner, handling, onFindings }: CallRules): Inspected {
  const { decision, findings, clean } = scanner.scan([call.id, call.name, call.args ?? call.raw], 'in', {
    handling,
  })
  onFindings(findings)
  if (decision.verdict.kind === 'deny') return { why: decision.reasons[0] as Reason }
  if (decision.verdict.kind !== 'transform' || !clean) return { args: call.args }
  if (call.kind !== 'function' || clean(call.id) !== call.id) return { why: decision.reasons[0] as Reason }
  const changed = mapStrings(call.raw, clean)
  return { args: readArguments(changed), changed }
}

async function refusedCall(
  call: ToolCall,
  args: Json | undefined,
  rules: CallRules,
): Promise<Reason | undefined> {
  const tool = plainName(call.name)
  if (call.kind === 'provider' || call.kind === 'unknown') return reason('MODEL_CALL_PAST_GATEWAY', { tool })
  if (args === undefined) return reason('MODEL_CALL_UNREADABLE', { tool })
  if (rules.grant.localTools?.includes(call.name)) return undefined
  const found = await owners(call.name, rules)
  const [owner] = found
  if (!owner) return reason('MODEL_CALL_UNKNOWN', { tool })
  if (found.length > 1) return reason('MODEL_CALL_AMBIGUOUS', { tool })
  const given = isObject(args) ? args : undefined
  if (!given) return reason('MODEL_CALL_UNREADABLE', { tool })
  const { server, name } = owner
  return (
    check(await rules.tools(server), server, 'tool', name, given) ?? rules.grant.covers(callOf(owner, given))
  )
}

/**
 * Whose the tool is: by its own name, or with its server in front as the common address of all servers shows it; also as functions have to be
 * called, which may hold fewer characters than names of tools.
 */
async function owners(called: string, { grant, tools }: CallRules): Promise<readonly Owned[]> {
  const exact: Owned[] = []
  const alike: Owned[] = []
  for (const server of grant.servers) {
    for (const { kind, name } of (await tools(server)).values()) {
      if (kind !== 'tool' || !grant.allowsName('tool', server, name)) continue
      const names = [name, joinName(server, name)]
      if (names.includes(called)) exact.push({ server, name })
      else if (names.some((one) => asFunction(one) === called)) alike.push({ server, name })
    }
  }
  return exact.length > 0 ? exact : alike
}

const asFunction = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_')

const callOf = ({ server, name }: Owned, args: JsonObject): Action => ({
  protocol: 'mcp',
  era: 'modern',
  server,
  method: 'tools/call',
  kind: 'tool',
  name,
  args,
  params: undefined,
  contentDigest: '',
  bytes: 0,
})

/** Stands where the call was; the agent and its model read it. */
const notice = (call: ToolCall, why: Reason): string =>
  `[Ostiary removed a call of ${plainName(call.name)}: ${why.code}. ${sentence(why)} ${nextStep(why)}]`
