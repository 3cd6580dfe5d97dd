import type { Clock } from '../../lib/clock.ts'
import type { Store } from '../../store/store.ts'
import type { AuditLog } from '../log.ts'
import type { BodyKeys } from './body-keys.ts'

export interface RetentionDeps {
  readonly store: Store
  readonly clock: Clock
  readonly log: Pick<AuditLog, 'append'>
  readonly keys: BodyKeys
  /** How long content of a class is kept after the month it is from, milliseconds; undefined for a class that is not configured, which is kept. */
  keptMs(recordClass: string): number | undefined
}

/** First moment after a month, `YYYY-MM`, UTC. */
const endOf = (month: string): number => {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return Date.UTC(year, number, 1)
}

/**
 * Destroys the keys of content whose time is over, but for subjects under legal hold. Each class and month is recorded first; a crash between
 * leaves keys that the next run destroys.
 */
export async function applyRetention({ store, clock, log, keys, keptMs }: RetentionDeps): Promise<void> {
  const now = clock.now()
  const months = await store.db
    .selectFrom('body_keys')
    .select(['record_class', 'month', (eb) => eb.fn.countAll<number>().as('count')])
    .where('subject', 'not in', (eb) =>
      eb.selectFrom('subjects').select('pseudonym').where('held_why', 'is not', null),
    )
    .groupBy(['record_class', 'month'])
    .execute()
  for (const { record_class: recordClass, month, count } of months) {
    const kept = keptMs(recordClass)
    if (kept === undefined || endOf(month) + kept > now) continue
    await log.append({
      type: 'retention.applied',
      actor: { kind: 'gateway' },
      data: { class: recordClass, month, keys: Number(count) },
    })
    await store.db
      .deleteFrom('body_keys')
      .where('record_class', '=', recordClass)
      .where('month', '=', month)
      .where('subject', 'not in', (eb) =>
        eb.selectFrom('subjects').select('pseudonym').where('held_why', 'is not', null),
      )
      .execute()
    keys.forget()
  }
}
