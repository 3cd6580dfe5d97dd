import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

const TABLES: Record<string, { columns: string; key: readonly string[] }> = {
  agents: { columns: 'id:t name:t sponsor:t purpose:t status:t created_at:i', key: ['id'] },
  enrolment_codes: {
    columns: 'code_hash:t agent_id:t expires_at:i used_at:i? created_at:i',
    key: ['code_hash'],
  },
  instances: { columns: 'id:t agent_id:t host:t status:t enrolled_at:i last_seen_at:i', key: ['id'] },
  instance_keys: { columns: 'jkt:t instance_id:t jwk:t state:t not_after:i? created_at:i', key: ['jkt'] },
  tokens: {
    columns: 'hash:t instance_id:t agent_id:t task_id:t? jkt:t expires_at:i revoked_at:i? created_at:i',
    key: ['hash'],
  },
  servers: { columns: 'name:t launch_digest:t seen:t seen_at:i? created_at:i', key: ['name'] },
  tools: {
    columns:
      'server:t kind:t name:t status:t seen:t seen_digest:t seen_at:i pinned:t? pinned_digest:t? decided_by:t? decided_at:i? note:t?',
    key: ['server', 'kind', 'name'],
  },
  tasks: {
    columns:
      'id:t agent_id:t instance_id:t template:t purpose:t on_behalf_of:t subject:t? state:t end_reason:t? opened_at:i expires_at:i idle_ms:i last_used_at:i closed_at:i?',
    key: ['id'],
  },
  grants: {
    columns: 'id:t task_id:t details:t budget:t spent_calls:i spent_bytes:i expires_at:i',
    key: ['id'],
  },
  locks: {
    columns: 'id:t scope:t target:t why:t set_by:t set_at:i expires_at:i? lifted_by:t? lifted_at:i?',
    key: ['id'],
  },
  secrets: { columns: 'name:t version:i sealed:t created_at:i destroyed_at:i?', key: ['name', 'version'] },
  leases: {
    columns: 'id:t task_id:t server:t broker:t state:t upstream_expires_at:i? created_at:i closed_at:i?',
    key: ['id'],
  },
  epochs: { columns: 'name:t epoch:i', key: ['name'] },
}

const INDEXES: readonly (readonly [table: string, unique: boolean, ...columns: string[]])[] = [
  ['agents', true, 'name'],
  ['instances', false, 'agent_id'],
  ['instance_keys', false, 'instance_id'],
  ['tokens', false, 'task_id'],
  ['tokens', false, 'instance_id'],
  ['tokens', false, 'expires_at'],
  ['tasks', false, 'state', 'agent_id'],
  ['grants', false, 'task_id'],
  ['locks', false, 'lifted_at'],
  ['leases', false, 'task_id'],
  ['leases', false, 'state'],
]

export async function initial(tx: Tx): Promise<void> {
  for (const [table, definition] of Object.entries(TABLES)) await createTable(tx, table, definition)
  for (const [table, unique, ...columns] of INDEXES) {
    const index = tx.schema
      .createIndex(`${table}_${columns.join('_')}`)
      .on(table)
      .columns(columns)
    await (unique ? index.unique() : index).execute()
  }
}
