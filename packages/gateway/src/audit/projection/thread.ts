import { parentPort, workerData } from 'node:worker_threads'
import { LogFolder } from '../log-folder.ts'
import type { ProjectionPlace } from './place.ts'
import { openProjection } from './place.ts'
import type { Progress } from './projector.ts'
import { Projector } from './projector.ts'
import type { Parameter, Row } from './store.ts'

export interface ThreadData {
  readonly logDir: string
  readonly vkey: string
  readonly origin: string
  readonly place: ProjectionPlace
}

/** What the owner asks of the thread. */
export type ToThread =
  | { readonly do: 'follow' }
  | { readonly do: 'rebuild'; readonly id: number }
  | {
      readonly do: 'query'
      readonly id: number
      readonly sql: string
      readonly parameters: readonly Parameter[]
    }
  | { readonly do: 'close' }

export type FromThread =
  | { readonly progress: Progress }
  /** The tables are empty. */
  | { readonly cleared: true }
  | { readonly id: number; readonly rows: readonly Row[] }
  | { readonly id: number; readonly error: string }

/**
 * The projection works in a thread of its own: reading the log, writing rows and answering questions take time, and calls must not wait
 * for any of it. What fails here ends the thread; the owner starts another, and a damaged file is begun anew.
 */
const port = parentPort as NonNullable<typeof parentPort>
const { logDir, vkey, origin, place } = workerData as ThreadData
const tell = (message: FromThread) => port.postMessage(message)

const store = await openProjection(place, origin)
const projector = new Projector(store, new LogFolder(logDir, vkey))

/** One thing at a time; asking to follow while it follows adds one more turn. */
let working: Promise<void> = Promise.resolve()
let isWaiting = false
const inTurn = (work: () => Promise<void>) => {
  working = working.then(work)
  // A rejection nobody handles ends the thread, which is what is wanted.
}

const follow = async () => {
  isWaiting = false
  const progress = await projector
    .run((each) => tell({ progress: each }))
    .catch(async (error: unknown) => {
      if (!isDamage(error)) throw error
      await clear()
      return projector.run((each) => tell({ progress: each }))
    })
  tell({ progress })
}

const clear = async () => {
  await projector.clear()
  tell({ cleared: true })
}

/** The file is not what SQLite left. */
const isDamage = (error: unknown): boolean =>
  /^SQLITE_(CORRUPT|NOTADB)/.test(String((error as { code?: string }).code))

port.on('message', (message: ToThread) => {
  switch (message.do) {
    case 'follow':
      if (isWaiting) return
      isWaiting = true
      return inTurn(follow)
    case 'rebuild':
      inTurn(async () => {
        await clear()
        tell({ id: message.id, rows: [] })
      })
      return inTurn(follow)
    case 'query':
      return void store.query(message.sql, message.parameters).then(
        (rows) => tell({ id: message.id, rows }),
        (error: Error) => {
          tell({ id: message.id, error: error.message })
          // Found by a question before it was found by a write.
          if (isDamage(error)) inTurn(clear)
        },
      )
    case 'close':
      return void working
        .catch(() => {})
        .then(() => store[Symbol.asyncDispose]())
        .finally(() => port.close())
  }
})
