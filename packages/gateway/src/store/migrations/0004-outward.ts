import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

/** Keys by which the gateway speaks to others, and the tokens that are out. */
export async function outward(tx: Tx): Promise<void> {
  await createTable(tx, 'signing_keys', {
    columns: 'kid:t jwk:t sealed:t state:t created_at:i activated_at:i retire_at:i?',
    key: ['kid'],
  })
  await createTable(tx, 'outward_tokens', {
    columns: 'idx:i task_id:t expires_at:i revoked:i',
    key: ['idx'],
  })
  await tx.schema.createIndex('outward_tokens_task').on('outward_tokens').columns(['task_id']).execute()
}
