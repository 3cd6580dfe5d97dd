import type { ClientBase } from 'pg'

/** Tables that are cut into months, so that an old one can be detached and dropped in an instant. */
export const PARTITIONED = ['projection_entries', 'projection_subjects'] as const

/** Months that exist before they begin. */
const AHEAD = 2

export interface Month {
  /** `2026_11` */
  readonly name: string
  /** First millisecond of the month, UTC, and of the next. */
  readonly from: number
  readonly to: number
}

export function monthOf(ts: number, later = 0): Month {
  const date = new Date(ts)
  const first = (more: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later + more, 1)
  const from = first(0)
  return { name: new Date(from).toISOString().slice(0, 7).replace('-', '_'), from, to: first(1) }
}

/**
 * The months that rows of these times need, and two more than today. A time further ahead than that is no reason for a partition: it is a
 * clock that went wrong, and its rows stay in the default partition, which alarms.
 */
export function monthsFor(times: readonly number[], now: number): Month[] {
  const ahead = Array.from({ length: AHEAD + 1 }, (_, later) => monthOf(now, later))
  const last = ahead.at(-1) as Month
  const behind = times.filter((ts) => ts < last.to).map((ts) => monthOf(ts))
  return [...new Map([...ahead, ...behind].map((month) => [month.name, month])).values()]
}

/** Makes a month's partitions. Leaves them out where the default partition has rows of that month already: they stay in it. */
export async function ensurePartition(client: ClientBase, { name, from, to }: Month): Promise<void> {
  for (const table of PARTITIONED) {
    const partition = `${table}_${name}`
    const { rows } = await client.query<{ there: boolean; astray: boolean }>(
      `select to_regclass($1) is not null as there,
        exists (select from ${table}_default where ts >= $2 and ts < $3) as astray`,
      [partition, from, to],
    )
    if (rows[0]?.there || rows[0]?.astray) continue
    // The numbers are ours, and a bound cannot be a parameter.
    await client.query(
      `create table if not exists ${partition} partition of ${table} for values from (${from}) to (${to})`,
    )
  }
}
