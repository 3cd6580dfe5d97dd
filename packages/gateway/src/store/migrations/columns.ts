import type { Tx } from '../store.ts'

/** `name:t` text or `name:i` 64-bit integer; `?` may be null. */
export function parseColumn(text: string): { name: string; type: 'text' | 'bigint'; isNullable: boolean } {
  const [name = '', type = ''] = text.split(':')
  return { name, type: type.startsWith('i') ? 'bigint' : 'text', isNullable: type.endsWith('?') }
}

/** Creates a table from `name:type` columns separated by spaces. */
export async function createTable(
  tx: Tx,
  table: string,
  { columns, key }: { columns: string; key: readonly string[] },
): Promise<void> {
  let create = tx.schema.createTable(table)
  for (const column of columns.split(' ').map(parseColumn)) {
    create = create.addColumn(column.name, column.type, (c) => (column.isNullable ? c : c.notNull()))
  }
  await create.addPrimaryKeyConstraint(`${table}_key`, key as never).execute()
}

/** Adds columns; one that may not be null takes `otherwise` in rows that are there already. */
export async function addColumns(
  tx: Tx,
  table: string,
  columns: Readonly<Record<string, string | number | null>>,
): Promise<void> {
  for (const [text, otherwise] of Object.entries(columns)) {
    const column = parseColumn(text)
    await tx.schema
      .alterTable(table)
      .addColumn(column.name, column.type, (c) => (column.isNullable ? c : c.notNull().defaultTo(otherwise)))
      .execute()
  }
}
