import type { Snapshot } from '../../trace/metrics.ts'

const WAIT_MS = 1000

/** What the workers counted. A worker that is slow stands with its last count, and one that ended keeps it, so that sums never fall. */
export class FleetMetrics {
  readonly #last = new Map<object, Snapshot>()
  #past: Snapshot = []
  #folding: Promise<void> = Promise.resolve()
  readonly #members: () => Iterable<{ readonly key: object; ask(): Promise<Snapshot> }>

  constructor(members: () => Iterable<{ readonly key: object; ask(): Promise<Snapshot> }>) {
    this.#members = members
  }

  async snapshots(): Promise<readonly Snapshot[]> {
    await Promise.all(
      [...this.#members()].map(async ({ key, ask }) => {
        const late = Promise.withResolvers<undefined>()
        const timer = setTimeout(() => late.resolve(undefined), WAIT_MS)
        const snapshot = await Promise.race([ask().catch(() => undefined), late.promise])
        clearTimeout(timer)
        if (snapshot) this.#last.set(key, snapshot)
      }),
    )
    return [this.#past, ...this.#last.values()]
  }

  /** A worker is no more. Those that end at once are added up one after another. */
  ended(key: object): Promise<void> {
    this.#folding = this.#folding.then(async () => {
      const last = this.#last.get(key)
      if (!last) return
      const { folded } = await import('../../trace/metrics.ts')
      const past = await folded([this.#past, last])
      this.#last.delete(key)
      this.#past = past
    })
    return this.#folding
  }
}
