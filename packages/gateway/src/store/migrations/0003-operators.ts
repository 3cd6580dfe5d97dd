import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

/** People at the control plane, how they sign in, and what waits for a second of them. */
export async function operators(tx: Tx): Promise<void> {
  await createTable(tx, 'operators', {
    columns: 'id:t name:t roles:t status:t subject:t? created_at:i',
    key: ['id'],
  })
  await tx.schema.createIndex('operators_name').unique().on('operators').columns(['name']).execute()
  await createTable(tx, 'sign_in_links', {
    columns: 'code_hash:t operator_id:t expires_at:i used_at:i?',
    key: ['code_hash'],
  })
  await createTable(tx, 'operator_sessions', {
    columns: 'hash:t operator_id:t method:t expires_at:i seen_at:i',
    key: ['hash'],
  })
  await createTable(tx, 'passkeys', {
    columns: 'credential_id:t operator_id:t public_key:t counter:i created_at:i last_used_at:i?',
    key: ['credential_id'],
  })
  await createTable(tx, 'proposals', {
    columns: 'id:t kind:t target:t proposed_by:t expires_at:i decided_by:t? created_at:i',
    key: ['id'],
  })
}
