import { handlingOf } from '../../../firewall/handling.ts'
import { type Found, noteFindings } from '../../../firewall/scanner.ts'
import { AuditUnavailable } from '../../../model/evidence.ts'
import { isObject } from '../../../model/json.ts'
import { reason } from '../../../model/reasons.ts'
import type { Exchange, Facts } from '../../exchange.ts'
import type { Server } from '../../servers.ts'
import type { Delivered } from './answer.ts'
import type { McpContext } from './context.ts'
import type { Inbound, Treated } from './inbound.ts'
import { inspectInbound, withReceipt } from './inbound.ts'
import { withVettedInstructions } from './instructions.ts'
import { labeller } from './label.ts'
import { definitionsIn, filterListing } from './listing.ts'
import type { Message } from './message.ts'
import type { About } from './resumption.ts'
import type { UpstreamRequest } from './upstream.ts'

/** Stages 16 and 17 for one exchange: what each message of the upstream becomes on its way to the client. */
export function deliverer(
  context: McpContext,
  exchange: Exchange,
  server: Server,
  about: About | undefined,
  request: UpstreamRequest,
  present: (text: string, message: Message) => string = (text) => text,
): (text: string) => Delivered | Promise<Delivered> {
  const facts = exchange.facts as Facts
  let found: readonly Found[] = []
  const rules = {
    server: server.name,
    requestId: request.id,
    mayAsk: server.config.may_ask,
    scanner: context.scanner,
    marks: context.marks(facts.task.txn),
    // Definitions are vetted by people, and are compared with what was vetted.
    handling: (message: Message) =>
      definesTools(message, about) ? undefined : handlingOf(context.rules(), 'results', server.name),
    onFindings(findings: readonly Found[]) {
      found = findings
      noteFindings(exchange.findings, 'in', findings)
    },
  }
  const answerUpstream = (text: string) => {
    const quiet = { head() {}, json() {}, event: () => true, end() {} }
    server.upstream.send(
      { ...request, method: 'POST', body: text, id: undefined, opens: false },
      quiet,
      exchange.signal,
    )
  }

  const label = labeller(context, exchange, about)

  return (text) => {
    found = []
    const inbound = inspectInbound(text, rules)
    if (inbound.kind === 'drop') {
      context.blocked(exchange, inbound.reason, { method: inbound.method })
      if (inbound.answer !== undefined) answerUpstream(inbound.answer)
      return { kind: 'drop' }
    }
    if (inbound.kind === 'refuse') return inbound
    const { treated } = inbound
    if (treated) return knownTreated(inbound.message, treated).then(() => onward(inbound), unrecorded)
    const known = label(inbound.message, found)
    return known instanceof Promise ? known.then(() => onward(inbound)) : onward(inbound)
  }

  /** What is not delivered stays known to the task, e.g. as confidential, beside what stands in its place; an auditor can open it. */
  async function knownTreated(message: Message, treated: Treated): Promise<void> {
    await label(treated.message, found)
    await label(message, found)
    await context.transformed(exchange, treated.originals)
  }

  function onward(inbound: Inbound & { kind: 'pass' }): Delivered | Promise<Delivered> {
    const { message } = inbound
    if (message.type !== 'response') {
      noteChange(message, server)
      return { ...inbound, text: present(inbound.text, message) }
    }
    const lists = about?.row?.lists
    if (lists && isObject(message.result)) return listed(inbound.text, message, lists)
    // An empty result must be empty (`ping`, `logging/setLevel`); nothing is proved by a receipt for it.
    if (about?.kind === 'control') return inbound
    if (context.keepsResults() && message.result !== undefined) exchange.result = message.result
    return { ...inbound, text: finish(inbound.text, message) }
  }

  function finish(text: string, message: Message): string {
    const method = about?.method
    const vetted =
      method === 'initialize' || method === 'server/discover'
        ? withVettedInstructions(text, message, server)
        : text
    return present(withReceipt(vetted, message, context.logOrigin, facts.intent), message)
  }

  async function listed(
    text: string,
    message: Message & { type: 'response' },
    lists: NonNullable<NonNullable<About['row']>['lists']>,
  ): Promise<Delivered> {
    if (!isObject(message.result)) return { kind: 'refuse', reason: reason('INTERNAL') }
    const views =
      lists.kind === 'resource'
        ? new Map()
        : await context.authority.observe(server.name, {
            instructions: server.instructions,
            kind: lists.kind,
            definitions: definitionsIn(message.result, lists.member),
          })
    const filtered = filterListing(text, message.result, lists, server.name, facts.grant, views)
    return {
      kind: 'pass',
      message,
      text: present(withReceipt(filtered, message, context.logOrigin, facts.intent), message),
    }
  }
}

function unrecorded(error: unknown): Delivered {
  if (!(error instanceof AuditUnavailable)) throw error
  return { kind: 'refuse', reason: reason('CONTENT_UNRECORDED') }
}

const definesTools = (message: Message, about: About | undefined): boolean =>
  message.type === 'response' &&
  message.result !== undefined &&
  about?.row?.lists !== undefined &&
  about.row.lists.kind !== 'resource'

/** A server that says its definitions changed is asked again before the next call. */
function noteChange(message: Message, server: Server): void {
  if (message.type !== 'notification') return
  if (
    message.method === 'notifications/tools/list_changed' ||
    message.method === 'notifications/prompts/list_changed'
  ) {
    server.staleSince = performance.now()
  }
}
