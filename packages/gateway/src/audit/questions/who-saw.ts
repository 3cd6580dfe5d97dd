import type { EntryRow } from '../projection/tables.ts'
import type { Found, Page, Paging, Place, Span, Tables } from './asked.ts'
import { cursorOf, Logs, pageOf } from './asked.ts'
import { newestFirst, rowsOfCalls, withOutcomes } from './entries.ts'
import type { TaskWords, Words } from './task-words.ts'
import { wordsOf } from './task-words.ts'

export type Saw = Found & TaskWords

/**
 * Who had to do with data about a subject, newest first: by which agent and instance, for whom and what for, with which tools and outcome.
 * @param subject its pseudonym
 */
export async function whoSaw(
  db: Tables,
  asked: Span & { readonly subject: string },
  paging: Paging,
  tell: Words,
): Promise<Page<Saw>> {
  const logs = await Logs.of(db)
  const places = await newestFirst(
    db
      .selectFrom('projection_subjects as e')
      .select(['e.ts', 'e.seq', 'e.log'])
      .where('e.subject', '=', asked.subject),
    asked,
    paging,
  ).execute()
  const rows = await rowsAt(db, places.slice(0, paging.count))
  const shown = await withOutcomes(db, await withoutTwins(db, asked.subject, rows), logs)
  const words = await wordsOf(
    db,
    shown.flatMap(({ task }) => task ?? []),
    tell,
  )
  return pageOf(places, paging.count, logs, () =>
    shown.map((row) => ({ ...row, ...(row.task === undefined ? {} : words.get(row.task)) })),
  )
}

/** In the order of the places. */
async function rowsAt(db: Tables, places: readonly Place[]): Promise<readonly EntryRow[]> {
  if (places.length === 0) return []
  const rows = await db
    .selectFrom('projection_entries')
    .selectAll()
    .where(
      'seq',
      'in',
      places.map(({ seq }) => seq),
    )
    // Tells the server which months to look into.
    .where(
      'ts',
      'in',
      places.map(({ ts }) => ts),
    )
    .execute()
  const byPlace = new Map(rows.map((row) => [cursorOf(row), row]))
  return places.flatMap((place) => byPlace.get(cursorOf(place)) ?? [])
}

/**
 * A call is told once, by its intent. Where only its outcome is about the subject, because the answer and not the question named them, the
 * outcome stands for the call.
 */
async function withoutTwins(
  db: Tables,
  subject: string,
  rows: readonly EntryRow[],
): Promise<readonly EntryRow[]> {
  const outcomes = rows.flatMap(({ type, call }) => (type === 'call.outcome' && call !== null ? [call] : []))
  if (outcomes.length === 0) return rows
  const intents = await rowsOfCalls(db, outcomes, 'call.intent')
  const byPlace = new Map(intents.map((row) => [`${row.log} ${row.call}`, row]))
  const about = await db
    .selectFrom('projection_subjects')
    .select(['log', 'seq'])
    .where('subject', '=', subject)
    .where('seq', 'in', intents.length === 0 ? [-1] : intents.map(({ seq }) => seq))
    .execute()
  const isAbout = new Set(about.map(({ log, seq }) => `${log} ${seq}`))
  return rows.flatMap((row) => {
    const intent = row.type === 'call.outcome' ? byPlace.get(`${row.log} ${row.call}`) : undefined
    if (!intent) return [row]
    return isAbout.has(`${intent.log} ${intent.seq}`) ? [] : [intent]
  })
}
