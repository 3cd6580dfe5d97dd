import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

/** Security events: what was taken, and what is still to be delivered. */
export async function signals(tx: Tx): Promise<void> {
  await createTable(tx, 'signals_in', { columns: 'id:t received_at:i', key: ['id'] })
  await createTable(tx, 'signals_out', {
    columns: 'jti:t audience:t body:t attempts:i next_retry_at:i created_at:i',
    key: ['jti'],
  })
}
