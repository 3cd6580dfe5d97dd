import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import type { Store } from './store.ts'

// A second process for the contract suite: `contract-child.ts ROLE DIALECT LOCATION`. It says `ready`, and starts when told to go.
const [role, dialect, location = ''] = process.argv.slice(2)
const open = (): Promise<Store> =>
  dialect === 'sqlite' ? openSqlite({ path: location }) : openPostgres({ url: location })
const say = (message: unknown) => process.send?.(message)
const go = () => new Promise((resolve) => process.once('message', resolve))

const ROLES: Record<string, () => Promise<void>> = {
  /** Opens an empty database at the same moment as others do. */
  async migrate() {
    say('ready')
    await go()
    await using store = await open()
    say((await store.db.selectFrom('agents').selectAll().execute()).length)
  },

  /** Tries to use every enrolment code of the race, and tells which it got. */
  async take() {
    await using store = await open()
    const codes = await store.db
      .selectFrom('enrolment_codes')
      .select('code_hash')
      .where('code_hash', 'like', 'race-%')
      .orderBy('code_hash')
      .execute()
    say('ready')
    await go()
    const won: string[] = []
    for (const { code_hash } of codes) {
      const taken = await store.transaction((tx) =>
        tx
          .updateTable('enrolment_codes')
          .set({ used_at: process.pid })
          .where('code_hash', '=', code_hash)
          .where('used_at', 'is', null)
          .executeTakeFirst(),
      )
      if (taken.numUpdatedRows === 1n) won.push(code_hash)
    }
    say(won)
  },

  /** Writes until it is killed, and acknowledges each row after its commit. */
  async write() {
    const store = await open()
    say('ready')
    await go()
    for (let epoch = 0; ; epoch++) {
      await store.transaction((tx) =>
        tx
          .insertInto('epochs')
          .values({ name: `row-${epoch}`, epoch })
          .execute(),
      )
      say(epoch)
    }
  },
}

await ROLES[role ?? '']?.()
process.disconnect?.()
