import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

/** Self-registered clients, authorization codes and refresh tokens. */
export async function interactive(tx: Tx): Promise<void> {
  await createTable(tx, 'oauth_clients', {
    columns: 'client_id:t metadata:t created_at:i used_at:i?',
    key: ['client_id'],
  })
  await createTable(tx, 'authorization_codes', {
    columns: 'code_hash:t consent:t expires_at:i used_at:i? task_id:t? created_at:i',
    key: ['code_hash'],
  })
  await createTable(tx, 'refresh_tokens', {
    columns: 'hash:t instance_id:t task_id:t client_id:t expires_at:i used_at:i? created_at:i',
    key: ['hash'],
  })
}
