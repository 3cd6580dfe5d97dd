import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { parseCheckpoint } from '@ostiary/evidence'
import type { Kysely } from 'kysely'
import { reason } from '../../model/reasons.ts'
import { Refusal, refuse } from '../../model/refusal.ts'
import type { AuditLog } from '../log.ts'
import { questionsOver } from './over.ts'
import type { ProjectionPlace } from './place.ts'
import type { Progress } from './projector.ts'
import type { Parameter, Row } from './store.ts'
import type { ProjectionTables } from './tables.ts'
import type { FromThread, ThreadData, ToThread } from './thread.ts'

const FOLLOW_MS = 500
/** How long a question waits for the newest entries. */
const PATIENCE_MS = 10_000
const LONGEST_RETRY_MS = 60_000

export interface ProjectionDeps {
  /** The folder `log` of the data folder. */
  readonly logDir: string
  readonly log: Pick<AuditLog, 'size' | 'vkey' | 'origin' | 'publish' | 'checkpoint'>
  readonly place: ProjectionPlace
  /** Told what is wrong, and `undefined` when it is no more. */
  onProblem(problem: string | undefined): void
}

export interface ProjectionState {
  readonly projected: number
  readonly size: number
  /** Why they cannot be used; undefined when they can. */
  readonly problem: string | undefined
  /** What people have to know of tables that can be used. */
  readonly warning: string | undefined
}

interface Question {
  resolve(rows: readonly Row[]): void
  reject(error: Error): void
}

/**
 * The searchable tables of the log, seen from the process that owns it. They follow what the log publishes; nothing waits for them but
 * questions, and a projection that is broken is tried again for ever without a call noticing.
 */
export class Projection implements AsyncDisposable {
  readonly #d: ProjectionDeps
  readonly #db: Kysely<ProjectionTables>
  readonly #timer: NodeJS.Timeout
  readonly #questions = new Map<number, Question>()
  #thread: Worker | undefined
  #ids = 0
  #projected = 0
  /** Counts how often the tables were emptied: an answer that was begun before is none. */
  #generation = 0
  /** Rebuilds that have not emptied them yet. */
  #rebuilding = 0
  #problem: string | undefined
  #warning: string | undefined
  #failures = 0
  #retryAt = 0
  #isClosed = false
  /** Resolves at the next thing that the thread tells of itself. */
  #news = Promise.withResolvers<void>()

  constructor(deps: ProjectionDeps) {
    this.#d = deps
    this.#db = questionsOver(deps.place.kind, (sql, parameters) => this.#query(sql, parameters))
    this.#timer = setInterval(() => this.#follow(), FOLLOW_MS)
    this.#timer.unref()
    this.#follow()
  }

  get state(): ProjectionState {
    return {
      projected: this.#projected,
      size: this.#d.log.size,
      problem: this.#problem,
      warning: this.#warning,
    }
  }

  /**
   * Puts a question to tables that hold everything that is in the log now, under a signed checkpoint; while none can be signed, what the
   * last one covers.
   * @param question told the size of the log that its answer covers
   * @throws Refusal PROJECTION_BEHIND, PROJECTION_BROKEN
   */
  async ask<T>(question: (db: Kysely<ProjectionTables>, size: number) => Promise<T>): Promise<T> {
    for (;;) {
      const size = await this.#current()
      const generation = this.#generation
      const answer = await question(this.#db, size)
      if (generation === this.#generation) return answer
    }
  }

  async #current(): Promise<number> {
    const until = Date.now() + PATIENCE_MS
    const size = await this.#published()
    while (this.#projected < size || this.#rebuilding > 0) {
      // With its thread at work, a problem is something to know and not in the way of answers.
      if (this.#thread === undefined && this.#problem !== undefined) this.#broken(this.#problem)
      if (Date.now() > until) refuse('PROJECTION_BEHIND', { projected: this.#projected, size })
      this.#follow()
      await Promise.race([this.#news.promise, new Promise((done) => setTimeout(done, 100).unref())])
    }
    return size
  }

  /** Size of a log that a checkpoint covers: of now, or where none can be signed, of the last one. */
  async #published(): Promise<number> {
    const { log } = this.#d
    const { size } = log
    if (this.#projected >= size) return size
    try {
      await log.publish()
      return size
    } catch {
      return parseCheckpoint(log.checkpoint())?.size ?? 0
    }
  }

  #broken(detail: string): never {
    return refuse('PROJECTION_BROKEN', { detail: detail.slice(0, 300) })
  }

  /** Empties the tables and begins again. Resolves when they are empty; {@link state} shows how far it is. */
  async rebuild(): Promise<void> {
    // Nobody asks what is about to be emptied, and what was asked before is asked again.
    this.#rebuilding++
    this.#emptied()
    await this.#request((id) => ({ do: 'rebuild', id })).finally(() => this.#rebuilding--)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    const thread = this.#thread
    if (!thread) return
    const over = new Promise((done) => thread.once('exit', done))
    const impatient = setTimeout(() => void thread.terminate(), 5000)
    this.#send({ do: 'close' })
    await over
    clearTimeout(impatient)
  }

  #follow(): void {
    if (this.#projected < this.#d.log.size || this.#thread === undefined) this.#send({ do: 'follow' })
  }

  #query(sql: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    return this.#request((id) => ({ do: 'query', id, sql, parameters }))
  }

  #request(message: (id: number) => ToThread): Promise<readonly Row[]> {
    const id = ++this.#ids
    const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>()
    this.#questions.set(id, { resolve, reject })
    if (!this.#send(message(id))) this.#ended(this.#problem ?? 'it is being started again')
    return promise
  }

  #send(message: ToThread): boolean {
    this.#thread ??= this.#start()
    this.#thread?.postMessage(message)
    return this.#thread !== undefined
  }

  #start(): Worker | undefined {
    if (this.#isClosed || Date.now() < this.#retryAt) return undefined
    const { logDir, log, place } = this.#d
    const data: ThreadData = { logDir, place, vkey: log.vkey, origin: log.origin }
    const thread = new Worker(join(import.meta.dirname, 'thread.ts'), { workerData: data })
    thread.unref()
    thread.on('message', (message: FromThread) => this.#heard(message))
    let why = 'its thread ended'
    thread.on('error', (error: Error) => {
      why = error.message
    })
    thread.on('exit', () => {
      if (this.#thread !== thread) return
      this.#thread = undefined
      if (this.#isClosed) return this.#ended('the gateway stops')
      // The next one may find a file that it has to begin anew.
      this.#emptied()
      this.#retryAt = Date.now() + Math.min(FOLLOW_MS * 2 ** this.#failures++, LONGEST_RETRY_MS)
      this.#told(why, this.#warning)
      this.#ended(why)
    })
    return thread
  }

  #heard(message: FromThread): void {
    if ('progress' in message) {
      const { projected, size, warning }: Progress = message.progress
      this.#projected = projected
      if (projected === size) {
        this.#failures = 0
        this.#told(undefined, warning)
      }
      this.#news.resolve()
      this.#news = Promise.withResolvers<void>()
      return
    }
    if ('cleared' in message) return this.#emptied()
    const question = this.#questions.get(message.id)
    this.#questions.delete(message.id)
    if ('rows' in message) question?.resolve(message.rows)
    else question?.reject(new Refusal(reason('PROJECTION_BROKEN', { detail: message.error.slice(0, 300) })))
  }

  /** Nobody will answer what was asked. */
  #ended(why: string): void {
    for (const question of this.#questions.values()) {
      question.reject(new Refusal(reason('PROJECTION_BROKEN', { detail: why.slice(0, 300) })))
    }
    this.#questions.clear()
    this.#news.resolve()
    this.#news = Promise.withResolvers<void>()
  }

  #emptied(): void {
    this.#generation++
    this.#projected = 0
  }

  #told(problem: string | undefined, warning: string | undefined): void {
    if (problem === this.#problem && warning === this.#warning) return
    this.#problem = problem
    this.#warning = warning
    this.#d.onProblem(problem ?? warning)
  }
}
