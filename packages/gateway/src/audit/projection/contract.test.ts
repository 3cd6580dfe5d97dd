import { test } from 'node:test'
import { withoutPostgres } from '../../store/testing.ts'
import { projectionContract } from './contract.ts'
import { postgresPlace, sqlitePlace } from './testing.ts'

projectionContract('SQLite', sqlitePlace)

const absent = withoutPostgres()
if (absent === false) projectionContract('PostgreSQL', postgresPlace)
else test('searchable tables on PostgreSQL keep the same contract', { skip: absent }, () => {})
