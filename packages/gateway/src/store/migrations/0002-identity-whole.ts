import { sql } from 'kysely'
import type { Tx } from '../store.ts'
import { addColumns } from './columns.ts'

const HALF_A_YEAR_MS = 180 * 24 * 60 * 60 * 1000

/** Reviews and sponsors, how instances came in, delegation, states and budgets of tasks, leases that are retried. */
export async function identityWhole(tx: Tx): Promise<void> {
  await addColumns(tx, 'agents', { 'review_due_at:i': 0, 'sponsor_left_at:i?': null, 'bearer:i': 0 })
  await tx
    .updateTable('agents')
    .set((e) => ({ review_due_at: e('created_at', '+', HALF_A_YEAR_MS) }))
    .execute()
  await addColumns(tx, 'instances', {
    'method:t': 'one-time code',
    'attested:t': '{}',
    'parent_task:t?': null,
  })
  await addColumns(tx, 'tokens', { 'binding:t': 'dpop' })
  await addColumns(tx, 'tasks', {
    'vouched:t': 'agent',
    'parent_id:t?': null,
    'lineage:t': '',
    'txn:t': '',
  })
  await sql`update tasks set lineage = '/' || id || '/', txn = id`.execute(tx)
  await addColumns(tx, 'grants', {
    'spent:t': '{}',
    'terms:t': '{"costs":{},"delegates":[],"subjectArguments":[]}',
    'delegable:i': 0,
    'parent_id:t?': null,
  })
  await sql`update grants set spent = '{"bytes":' || cast(spent_bytes as text) || ',"calls":' || cast(spent_calls as text) || '}'`.execute(
    tx,
  )
  for (const column of ['spent_calls', 'spent_bytes']) {
    await tx.schema.alterTable('grants').dropColumn(column).execute()
  }
  await addColumns(tx, 'leases', {
    'reference:t?': null,
    'attempts:i': 0,
    'next_retry_at:i?': null,
    'last_error:t?': null,
  })
  await tx.schema.createIndex('tasks_parent').on('tasks').columns(['parent_id']).execute()
  await tx.schema.createIndex('leases_retry').on('leases').columns(['state', 'next_retry_at']).execute()
}
