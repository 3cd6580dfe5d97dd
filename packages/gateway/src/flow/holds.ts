import type { Task } from '../model/task.ts'
import type { Problem } from './judge.ts'

/** A call that waits for a person to say of a value that it is what they mean. Its values are in memory only. */
export interface Hold {
  /** `cal_…`, the newest call that it stopped. */
  readonly call: string
  readonly task: Pick<Task, 'id' | 'txn'>
  readonly tool: string
  readonly problems: readonly Problem[]
  /** Epoch milliseconds. */
  readonly at: number
  /** How often the agent has tried the same. */
  readonly times: number
  /** Earlier calls that it stopped, the newest first. */
  readonly earlier: readonly string[]
}

type NewHold = Omit<Hold, 'times' | 'earlier'>

const MAX_HOLDS = 2000
const MAX_OF_TASK = 100
const MAX_EARLIER = 50

/** What waits for people. The same thing asked again is one hold; of too many the oldest of the same task go. */
export class Holds {
  readonly #held = new Map<string, Hold>()

  add(hold: NewHold): void {
    const key = keyOf(hold)
    const before = this.#held.get(key)
    // Anew at the end, so that the map is in order of age.
    this.#held.delete(key)
    const ofTask = [...this.#held].filter(([, { task }]) => task.txn === hold.task.txn)
    const oldest = ofTask.length >= MAX_OF_TASK ? ofTask[0] : [...this.#held][0]
    if (oldest && (ofTask.length >= MAX_OF_TASK || this.#held.size >= MAX_HOLDS)) this.#held.delete(oldest[0])
    const earlier = before ? [before.call, ...before.earlier].slice(0, MAX_EARLIER) : []
    this.#held.set(key, { ...hold, times: (before?.times ?? 0) + 1, earlier })
  }

  /** Newest first. */
  list(): readonly Hold[] {
    return [...this.#held.values()].reverse()
  }

  /** By any call that it stopped: the agent may have tried again while a person was looking. */
  find(call: string): Hold | undefined {
    return this.list().find((hold) => hold.call === call || hold.earlier.includes(call))
  }

  remove(hold: Hold): void {
    this.#held.delete(keyOf(hold))
  }

  end(txn: string): void {
    for (const [key, { task }] of this.#held) if (task.txn === txn) this.#held.delete(key)
  }
}

const keyOf = ({ task, tool, problems }: NewHold): string =>
  JSON.stringify([task.txn, tool, problems.map(({ code, path, keys }) => [code, path, keys])])
