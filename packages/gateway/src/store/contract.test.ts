import { test } from 'node:test'
import { storeContract } from './contract.ts'
import { postgresStore, sqliteStore, withoutPostgres } from './testing.ts'

storeContract('SQLite', sqliteStore)

const absent = withoutPostgres()
if (absent === false) storeContract('PostgreSQL', postgresStore)
else test('a store on PostgreSQL keeps the same contract', { skip: absent }, () => {})
