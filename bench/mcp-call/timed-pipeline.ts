import { pipeline as real } from '../../packages/gateway/src/gateway/pipeline.ts'

interface AnyStage {
  readonly name: string
  run(facts: never, exchange: never): unknown
}

/** Milliseconds each stage took, in the order of the calls. */
export const times = new Map<string, number[]>()

/** The gateway's own pipeline over stages that are timed from outside. */
export function pipeline(stages: readonly AnyStage[], onBug: (error: unknown) => void) {
  return real(stages.map(timed) as never, onBug)
}

function timed(stage: AnyStage): AnyStage {
  const taken: number[] = []
  times.set(stage.name, taken)
  return {
    name: stage.name,
    run(facts, exchange) {
      const start = performance.now()
      const result = stage.run(facts, exchange)
      const done = () => taken.push(performance.now() - start)
      if (result instanceof Promise) return result.finally(done)
      done()
      return result
    },
  }
}
