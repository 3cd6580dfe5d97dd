import type { Leases } from '../credentials/leases.ts'
import type { Tasks } from '../grants/tasks.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { Task } from '../model/task.ts'
import type { Locks } from '../oversight/locks.ts'
import type { Bus } from '../store/bus.ts'
import type { Stop } from './data-plane.ts'

interface Followed {
  readonly bus: Bus
  readonly tokens: Tokens
  readonly tasks: Tasks
  readonly locks: Locks
  readonly leases: Pick<Leases, 'forget'>
  /** Ends what is open here, in every process. */
  stop(what: Stop): Promise<void>
}

/** A task that waits for a credential to be revoked has ended all the same. */
const isOver = ({ state }: Task): boolean => state === 'closing' || state === 'closed'

/** Takes up what any gateway on the same database locked, revoked or ended. Rooms with memory of their own follow the bus themselves. */
export function followOthers({ bus, tokens, tasks, locks, leases, stop }: Followed): () => void {
  const takeLocks = async () => {
    await locks.load()
    await stop({ locks: locks.view.list() })
  }
  const takeEnd = async (task: string, end: string) => {
    tokens.drop({ task })
    await stop({ task, end })
    leases.forget(task)
  }
  return bus.subscribe(
    async ({ topic, id }) => {
      if (topic === 'locks') return takeLocks()
      if (topic === 'token') return tokens.drop({ hash: id })
      if (topic === 'agent') return tokens.drop({ agent: id })
      // Perhaps only its key was rotated; when it was revoked, its tasks were ended too.
      if (topic === 'instance') return tokens.drop({ instance: id })
      if (topic !== 'task') return
      const task = await tasks.get(id)
      if (task && isOver(task)) await takeEnd(id, task.end ?? 'closed')
    },
    async () => {
      // A token that comes back is read again, with the status of its agent and instance.
      tokens.dropAll()
      await takeLocks()
      // Calls still open after the outage belong to recent tasks; the list holds the newest thousand.
      const recent = await tasks.list({ open: false })
      const ended = recent.filter(isOver)
      await Promise.all(ended.map((task) => takeEnd(task.id, task.end ?? 'closed')))
    },
  )
}
