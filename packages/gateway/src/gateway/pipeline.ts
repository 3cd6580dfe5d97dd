import type { ActionKind } from '../model/action.ts'
import type { Decision } from '../model/decision.ts'
import { ALLOW, deny, join } from '../model/decision.ts'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { Exchange, Facts, Stage, StageName, StageResult } from './exchange.ts'

/**
 * Which stage looks at which kind of action. Receive (1) and the stages after the effect (15 to 18) belong to the transport.
 * Policy (8) comes after flow (11), so that it sees where values come from.
 */
// biome-ignore format: an aligned matrix
const MATRIX: Record<StageName, Record<ActionKind, boolean>> = (() => {
  const row = (...marks: (0 | 1)[]) => {
    const [session, list, tool, prompt, resource, complete, subscribe, control, reply, model] = marks.map(Boolean) as boolean[]
    return { session, list, tool, prompt, resource, complete, subscribe, control, reply, model } as Record<ActionKind, boolean>
  }
  return {
    //               session list tool prompt resource complete subscribe control reply model
    receive:      row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    authenticate: row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    locks:        row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    task:         row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    segment:      row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    tool:         row(0,      0,   1,   1,     0,       0,       0,        0,      0,     0),
    grant:        row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    budget:       row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    inspect:      row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    flow:         row(0,      0,   1,   1,     1,       1,       0,        0,      1,     1),
    policy:       row(0,      0,   1,   1,     1,       1,       0,        0,      0,     1),
    approve:      row(0,      0,   1,   1,     1,       1,       0,        0,      1,     1),
    record:       row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
    credential:   row(1,      1,   1,   1,     1,       1,       1,        1,      1,     1),
  }
})()

/** The facts the transport's receive step provides. */
type Received = 'presented' | 'action' | 'objection' | 'verifyTool' | 'outgoing'

/** The compiler rejects an order in which a stage needs a fact that no earlier stage adds. */
type Ordered<S extends readonly unknown[], Known extends keyof Facts> = S extends readonly [
  Stage<infer Needs, infer Adds>,
  ...infer Rest,
]
  ? [Needs] extends [Known]
    ? [S[0], ...Ordered<Rest, Known | Adds>]
    : [{ error: 'a stage needs facts that no earlier stage adds'; missing: Exclude<Needs, Known> }]
  : []

interface AnyStage {
  readonly name: StageName
  run(facts: Partial<Facts>, exchange: Exchange): StageResult<never> | Promise<StageResult<never>>
}

export interface Pipeline {
  /** Runs the stages that apply, in order, up to the first denial. Facts land on the exchange. Never rejects. */
  admit(exchange: Exchange): Promise<Admitted>
}

export interface Admitted {
  readonly decision: Decision
  /** The stage that denied. */
  readonly stage: StageName | undefined
}

export function pipeline<const S extends readonly Stage<never, never>[] | readonly unknown[]>(
  stages: S & Ordered<S, Received>,
  onBug: (error: unknown) => void,
  onStage?: (stage: StageName, ms: number) => void,
): Pipeline {
  const list = stages as unknown as readonly AnyStage[]
  return {
    async admit(exchange) {
      const kind = exchange.facts.action?.kind
      if (kind === undefined) return { decision: deny(reason('INTERNAL')), stage: undefined }
      let decision = ALLOW
      for (const stage of list) {
        if (!MATRIX[stage.name][kind]) continue
        const began = onStage ? performance.now() : 0
        const result = await settle(stage, exchange, onBug)
        onStage?.(stage.name, performance.now() - began)
        decision = join(decision, result.decision)
        if (decision.verdict.kind === 'deny') return { decision, stage: stage.name }
        if (result.facts) Object.assign(exchange.facts, result.facts)
      }
      return { decision, stage: undefined }
    },
  }
}

/** The one place where an exception becomes a denial. */
async function settle(
  stage: AnyStage,
  exchange: Exchange,
  onBug: (error: unknown) => void,
): Promise<StageResult<never>> {
  try {
    const result = stage.run(exchange.facts, exchange)
    return result instanceof Promise ? await result : result
  } catch (error) {
    if (error instanceof Refusal) return { decision: deny(error.reason) }
    onBug(error)
    return { decision: deny(reason('INTERNAL')) }
  }
}
