import type { Tx } from '../store.ts'
import { createTable } from './columns.ts'

/** Whom entries of the log are about, and the keys that what the log keeps of them is sealed under. */
export async function subjects(tx: Tx): Promise<void> {
  await createTable(tx, 'subjects', {
    columns: 'pseudonym:t lookup:t sealed_name:t state:t held_why:t? created_at:i',
    key: ['pseudonym'],
  })
  await tx.schema.createIndex('subjects_lookup').on('subjects').column('lookup').unique().execute()
  await createTable(tx, 'body_keys', {
    columns: 'id:t kek:t subject:t record_class:t month:t sealed:t created_at:i',
    key: ['id'],
  })
  await tx.schema
    .createIndex('body_keys_use')
    .on('body_keys')
    .columns(['kek', 'subject', 'record_class', 'month'])
    .unique()
    .execute()
}
