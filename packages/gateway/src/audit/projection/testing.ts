import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { postgresStore } from '../../store/testing.ts'
import type { LogEntry } from '../entry.ts'
import type { StoredEntry } from '../log.ts'
import { questionsOver } from './over.ts'
import type { ProjectionPlace } from './place.ts'
import { openProjection } from './place.ts'
import type { Projector } from './projector.ts'
import type { ProjectionStore } from './store.ts'

export const ORIGIN = 'log.example.org'

/** Somewhere to put tables, empty. */
export interface TestPlace {
  readonly place: ProjectionPlace
  open(origin?: string): Promise<ProjectionStore>
  dispose(): Promise<void>
}

export async function sqlitePlace(): Promise<TestPlace> {
  const dir = await mkdtemp(join(tmpdir(), 'ostiary-projection-'))
  const place = (origin: string) => ({ kind: 'sqlite', path: join(dir, `${origin}.db`) }) as const
  return {
    place: place(ORIGIN),
    // A file holds one log; a server those of all.
    open: (origin = ORIGIN) => openProjection(place(origin), origin),
    dispose: () => rm(dir, { recursive: true, force: true }),
  }
}

/** A database of its own on the server of OSTIARY_TEST_POSTGRES. */
export async function postgresPlace(): Promise<TestPlace> {
  const { location, dispose } = await postgresStore()
  const place = { kind: 'postgres', url: location } as const
  return { place, open: (origin = ORIGIN) => openProjection(place, origin), dispose }
}

/** A log that a test made up: whatever it holds, in whatever order. */
export class FakeLog {
  readonly entriesOf: StoredEntry[] = []

  push(...entries: readonly Partial<LogEntry>[]): this {
    for (const entry of entries) {
      const index = this.entriesOf.length
      const whole = { v: 1, ts: 0, type: 'call.intent', actor: { kind: 'gateway' }, data: {}, ...entry }
      this.entriesOf.push({ index, leaf: `leaf ${index}`, entry: whole as LogEntry })
    }
    return this
  }

  readonly folder: ConstructorParameters<typeof Projector>[1] = {
    checkpoint: async () => ({ origin: ORIGIN, size: this.entriesOf.length, root: new Uint8Array(32) }),
    entries: async (from, to) => this.entriesOf.slice(from, to),
  }
}

/** Everything in the tables, in an order that says nothing about how it came there. */
export async function everything(store: ProjectionStore): Promise<object> {
  const db = questionsOver(store.dialect, (text, parameters) => store.query(text, parameters))
  const tables = {
    projection_entries: 'seq',
    projection_subjects: 'subject, seq',
    projection_tasks: 'task',
    projection_hours: 'hour, type, server, name, outcome, code',
    projection_agent_days: 'day, agent, type, code',
  } as const
  const found: Record<string, unknown> = {}
  for (const [table, order] of Object.entries(tables)) {
    const { rows } =
      await sql`select * from ${sql.table(table)} where log = ${store.log} order by ${sql.raw(order)}`.execute(
        db,
      )
    found[table] = rows
  }
  const logs = await sql`select projected from projection_logs where id = ${store.log}`.execute(db)
  return { ...found, logs: logs.rows }
}
