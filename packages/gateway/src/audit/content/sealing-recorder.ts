import type { Clock } from '../../lib/clock.ts'
import type { LogEvent, LogPosition, Recorder } from '../../model/evidence.ts'
import { AuditUnavailable } from '../../model/evidence.ts'
import type { LeafEvent } from '../entry.ts'
import type { AuditLog } from '../log.ts'
import { sealBody } from './body.ts'
import type { BodyKeys } from './body-keys.ts'
import { monthOf, SubjectErased } from './body-keys.ts'
import type { Subjects } from './subjects.ts'

/** Of one event; more are left out of its entry, and so is the content, which could not be erased for each of them. */
const MAX_SUBJECTS = 20

export interface SealingDeps {
  readonly log: Pick<AuditLog, 'append'>
  readonly subjects: Subjects
  readonly keys: BodyKeys
  readonly clock: Clock
  /** Class of records that an event belongs to, which says for how long its content is kept. */
  recordClass(event: LogEvent): string
}

/** An event whose pseudonyms and sealed content are made, ready to be appended. */
export interface Prepared {
  readonly event: LeafEvent
  readonly body: Uint8Array | undefined
}

/** The way rooms write to the log: puts pseudonyms for the names, and seals the content. */
export class SealingRecorder implements Recorder {
  readonly #d: SealingDeps

  constructor(deps: SealingDeps) {
    this.#d = deps
  }

  async append(event: LogEvent): Promise<LogPosition> {
    const prepared = this.prepare(event)
    const { event: leaf, body } = prepared instanceof Promise ? await prepared : prepared
    return await this.#d.log.append(leaf, body)
  }

  /** Without waiting when pseudonyms and keys are in memory. */
  prepare(event: LogEvent): Prepared | Promise<Prepared> {
    const { about, content, ...rest } = event
    if (about === undefined && content === undefined) return { event: rest, body: undefined }
    const names = [...new Set(about)]
    const kept = names.slice(0, MAX_SUBJECTS)
    const left =
      content === undefined || kept.length === names.length
        ? event
        : { ...event, content: { 'ostiary:omitted': `about ${names.length} subjects` } }
    const prepared = this.#about(kept, left)
    if (!(prepared instanceof Promise)) return prepared
    return prepared.catch((error: Error) => {
      if (!(error.cause instanceof SubjectErased)) throw error
      // Since the name was looked up, here or at another gateway. Who is called that now is somebody new.
      this.#d.subjects.forget(error.cause.pseudonym)
      return this.#about(kept, left)
    })
  }

  #about(names: readonly string[], event: LogEvent): Prepared | Promise<Prepared> {
    const subjects = names.map((name) => this.#d.subjects.pseudonymFor(name))
    return whenHere(subjects, (known) => this.#sealed(event, known))
  }

  #sealed(event: LogEvent, subjects: readonly string[]): Prepared | Promise<Prepared> {
    const { about: _, content, ...rest } = event
    const leaf: LeafEvent = subjects.length === 0 ? rest : { ...rest, subjects }
    if (content === undefined) return { event: leaf, body: undefined }
    const now = this.#d.clock.now()
    const recordClass = this.#d.recordClass(event)
    const owners = subjects.length === 0 ? [''] : subjects
    const keys = owners.map((subject) => this.#d.keys.get({ subject, recordClass, month: monthOf(now) }, now))
    return whenHere(keys, (known) => {
      const { bytes, reference } = sealBody(content, known)
      return { event: { ...leaf, body: reference }, body: bytes }
    })
  }
}

/** Goes on at once when nothing has to be waited for. */
function whenHere<T, R>(
  values: readonly (T | Promise<T>)[],
  next: (values: readonly T[]) => R | Promise<R>,
): R | Promise<R> {
  const isHere = (all: typeof values): all is readonly T[] => !all.some((value) => value instanceof Promise)
  if (isHere(values)) return next(values)
  const fetched = Promise.all(values).catch((cause: unknown) => {
    throw new AuditUnavailable('the keys to seal the entry with cannot be had', { cause })
  })
  return fetched.then(next)
}
