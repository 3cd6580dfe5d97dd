import type { Tx } from '../store.ts'
import { addColumns } from './columns.ts'

/** Until when a secret that was replaced can be gone back to. */
export async function secretGrace(tx: Tx): Promise<void> {
  await addColumns(tx, 'secrets', { 'retires_at:i?': null })
}
