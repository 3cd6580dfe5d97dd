import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import type { Lock, LockSubject } from '../oversight/locks.ts'
import { covers, lockReason } from '../oversight/locks.ts'

/** One open call, stream or session of this worker. */
export interface Open {
  /** What it touches; agent and instance are empty until the caller is known. */
  subject: LockSubject
  readonly abort: AbortController
}

/** Why an exchange was aborted by the gateway; the abort reason of its signal. */
export class Stopped extends Error {
  override name = 'Stopped'
  readonly reason: Reason
  constructor(why: Reason) {
    super(why.code)
    this.reason = why
  }
}

/** Everything this worker has open, so that a lock or the end of a task reaches it. */
export class InFlight {
  readonly #open = new Set<Open>()
  readonly #perInstance = new Map<string, number>()

  get size(): number {
    return this.#open.size
  }

  add(open: Open): void {
    this.#open.add(open)
  }

  /** Counts the call against its instance once that is known. False when `limit` are open already. */
  claim(open: Open, subject: LockSubject, limit: number): boolean {
    const count = this.#perInstance.get(subject.instance) ?? 0
    if (count >= limit) return false
    this.#perInstance.set(subject.instance, count + 1)
    open.subject = subject
    return true
  }

  remove(open: Open): void {
    if (!this.#open.delete(open) || open.subject.instance === '') return
    const count = (this.#perInstance.get(open.subject.instance) ?? 1) - 1
    if (count > 0) this.#perInstance.set(open.subject.instance, count)
    else this.#perInstance.delete(open.subject.instance)
  }

  stopLocked(locks: readonly Lock[]): void {
    for (const lock of locks) {
      this.#stop((subject) => covers(lock, subject), lockReason(lock))
    }
  }

  stopTask(task: string, end: string): void {
    this.#stop((subject) => subject.task === task, reason('TASK_CLOSED', { end }))
  }

  stopInstance(instance: string): void {
    this.#stop((subject) => subject.instance === instance, reason('INSTANCE_REVOKED'))
  }

  stopAll(why: Reason): void {
    this.#stop(() => true, why)
  }

  #stop(matches: (subject: LockSubject) => boolean, why: Reason): void {
    for (const open of this.#open) {
      if (matches(open.subject)) open.abort.abort(new Stopped(why))
    }
  }
}

export const NOBODY: LockSubject = { agent: '', instance: '', task: undefined, server: '', tool: undefined }
