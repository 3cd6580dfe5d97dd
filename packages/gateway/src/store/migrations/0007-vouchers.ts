import type { Tx } from '../store.ts'
import { addColumns, createTable } from './columns.ts'

/** Which key each token of a workload came with, and until when somebody vouches for an instance. */
export async function vouchers(tx: Tx): Promise<void> {
  await createTable(tx, 'vouchers', { columns: 'hash:t jkt:t expires_at:i', key: ['hash'] })
  await addColumns(tx, 'instances', { 'vouched_until:i?': null })
}
