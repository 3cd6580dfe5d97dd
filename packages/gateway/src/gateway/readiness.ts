import { before } from '../lib/deadline.ts'

/** What a gateway needs to admit anything. Coarse: strangers may ask. */
export type Need = 'log' | 'bus' | 'store' | 'owner'

const LOOK_MS = 1000

/** Whether calls would be admitted. Looks once a second at most, however often it is asked. */
export class Readiness {
  readonly #take: () => Promise<readonly Need[]>
  #look: Promise<readonly Need[]> = Promise.resolve([])
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(take: () => Promise<readonly Need[]>) {
    this.#take = take
  }

  /** What is missing; empty when all is well. */
  missing(): Promise<readonly Need[]> {
    if (performance.now() - this.#lookedAt > LOOK_MS) {
      this.#lookedAt = performance.now()
      this.#look = this.#take()
    }
    return this.#look
  }
}

type Checks = Partial<Record<Need, () => boolean | Promise<boolean>>>

/** The needs that are not met; what does not answer in time is not. */
export async function unmet(checks: Checks): Promise<readonly Need[]> {
  const signal = AbortSignal.timeout(LOOK_MS)
  const looks = Object.entries(checks).map(async ([need, check]) => {
    const isMet = await before(signal, (async () => check())()).catch(() => false)
    return isMet ? [] : [need as Need]
  })
  return (await Promise.all(looks)).flat()
}
