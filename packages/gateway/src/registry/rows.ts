import type { Tx } from '../store/store.ts'
import type { Transition } from './transitions.ts'

/**
 * Writes one row if the stored one is still what the change was computed from.
 * @returns false when another replica, or a person, was faster
 */
export async function writeRow(
  tx: Tx,
  { before, after }: Pick<Transition, 'before' | 'after'>,
): Promise<boolean> {
  if (!before) {
    const inserted = await tx
      .insertInto('tools')
      .values(after)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    return inserted.numInsertedOrUpdatedRows === 1n
  }
  const { server, kind, name, ...values } = after
  const updated = await tx
    .updateTable('tools')
    .set(values)
    .where('server', '=', server)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .where('status', '=', before.status)
    .where('seen_digest', '=', before.seen_digest)
    .executeTakeFirst()
  return updated.numUpdatedRows === 1n
}
