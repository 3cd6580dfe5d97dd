import type { Agent } from '@ostiary/agent'
import type { Step, Story } from './agentdojo-data.ts'
import type { ReplayServer } from './replay-server.ts'

/** A call that the gateway did not let through. */
export interface Stopped {
  readonly step: number
  readonly tool: string
  readonly code: string
  /** The sentence of the denial. */
  readonly why: string
}

/** How a story went this time. */
export interface Played {
  readonly story: Story
  readonly stopped: readonly Stopped[]
  /** Times a person had to say yes. */
  readonly approvals: number
  /** Of effects that got through: what the record says of their arguments. */
  readonly passed: readonly string[]
}

export interface Stage {
  /** A new instance, which remembers nothing of other stories. */
  enrol(): Promise<Agent>
  /** As an operator. */
  control<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T>
  readonly server: ReplayServer
}

/** What the gateway itself answers to `tools/call`. */
interface Answer {
  readonly result?: {
    readonly _meta?: {
      readonly 'io.ostiary/decision'?: {
        readonly code: string
        readonly reason: string
        readonly next: string
      }
      readonly 'io.ostiary/receipt'?: { readonly index: number }
    }
  }
  readonly error?: { readonly message: string; readonly data?: { readonly code?: string } }
}

let next = 0

/**
 * Plays one story as a task of its own: the person's prompt is the request, every call goes through the gateway, and the tool answers what
 * it answered then. In a benign story a person endorses what is held, as they would, and the call is made again; in an attack nobody does.
 */
export async function play({ enrol, control, server }: Stage, story: Story): Promise<Played> {
  await using agent = await enrol()
  const { task } = await agent.openTask({ template: story.suite, request: story.prompt.slice(0, 16_384) })
  const stopped: Stopped[] = []
  const passed: string[] = []
  let approvals = 0
  const call = async (step: Step): Promise<{ answer: Answer; isThrough: boolean }> => {
    const id = `step-${next++}`
    server.expect(id, step)
    const response = await agent.request(task.id, `/mcp/${story.suite}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: step.tool, arguments: step.args },
      }),
    })
    const answer = (await response.body.json()) as Answer
    return { answer, isThrough: server.took(id) }
  }
  for (const [index, step] of story.steps.entries()) {
    const { answer, isThrough } = await call(step)
    if (isThrough) {
      if (story.effects.includes(index)) passed.push(await evidenceOf(control, step, answer))
      continue
    }
    const denial = denialOf(answer)
    // What the tool refused then may as well be refused before it.
    if (step.hasFailed && denial.code === 'TOOL_ARGUMENTS_INVALID') continue
    stopped.push({ step: index, tool: step.tool, ...denial })
    if (story.kind !== 'benign' || denial.code !== 'FLOW_HELD') continue
    approvals++
    await control('POST', `/flow/holds/${heldCall(answer)}/endorse`, {})
    await call(step)
  }
  await agent.closeTask(task.id)
  return { story, stopped, approvals, passed }
}

function denialOf({ result, error }: Answer): { code: string; why: string } {
  const decision = result?._meta?.['io.ostiary/decision']
  if (decision) return { code: decision.code, why: decision.reason }
  return { code: error?.data?.code ?? 'no answer', why: error?.message ?? '' }
}

const heldCall = ({ result }: Answer): string =>
  /flow explain (cal_\w+)/.exec(result?._meta?.['io.ostiary/decision']?.next ?? '')?.[1] ?? ''

/** The gateway's own account of why a call was let through. */
async function evidenceOf(control: Stage['control'], step: Step, { result }: Answer): Promise<string> {
  const index = result?._meta?.['io.ostiary/receipt']?.index
  if (index === undefined) return step.tool
  const { entry } = await control<{
    entry: { data: { flow?: { arguments?: { path: string; from?: string }[] } } }
  }>('GET', `/audit/entries/${index}`)
  const from = (entry.data.flow?.arguments ?? []).map(({ path, from }) => `${path} from ${from ?? 'nowhere'}`)
  return `${step.tool}: ${from.join('; ') || 'no argument of consequence'}`
}
