import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { MIGRATIONS } from './migrations/index.ts'
import type { Database } from './schema.ts'
import type { Store } from './store.ts'
import { StoreUnavailable, UniqueViolation } from './store.ts'
import type { TestStore } from './testing.ts'

/** What every {@link Store} has to do, whatever it is made of. `fresh` gives an empty database each time. */
export function storeContract(name: string, fresh: () => Promise<TestStore>): void {
  describe(`a store on ${name}`, () => {
    let place: TestStore
    let store: Store

    before(async () => {
      place = await fresh()
      store = await place.open()
    })

    after(async () => {
      await store?.[Symbol.asyncDispose]()
      await place?.dispose()
    })

    test('every table gives back what was put in, in the same types', async () => {
      for (const [table, row] of Object.entries(ROWS)) {
        await store.db
          .insertInto(table as keyof Database)
          .values(row as never)
          .execute()
        const found = await store.db
          .selectFrom(table as keyof Database)
          .selectAll()
          .execute()
        assert.deepEqual(found, [row], table)
      }
    })

    test('no table is left out of the round trip', async () => {
      const tables = await store.db.introspection.getTables()
      const names = tables.map((table) => table.name).filter((table) => table !== 'migrations')
      assert.deepEqual(names.sort(), Object.keys(ROWS).sort())
    })

    test('a row that exists already is a UniqueViolation, by key and by unique column', async () => {
      const agent = { ...ROWS.agents, id: 'agt_unique', name: 'unique' }
      await store.transaction((tx) => tx.insertInto('agents').values(agent).execute())
      for (const again of [
        { ...agent, name: 'other' },
        { ...agent, id: 'agt_other' },
      ]) {
        await assert.rejects(
          store.transaction((tx) => tx.insertInto('agents').values(again).execute()),
          UniqueViolation,
        )
      }
    })

    test('a transaction that fails leaves nothing behind', async () => {
      const failed = store.transaction(async (tx) => {
        await tx.insertInto('epochs').values({ name: 'undone', epoch: 1 }).execute()
        throw new Error('changed my mind')
      })
      await assert.rejects(failed, /changed my mind/)
      assert.equal(await epochOf(store, 'undone'), undefined)
    })

    test('read-modify-write from two sides loses no update', async () => {
      await using other = await place.open()
      await store.db.insertInto('epochs').values({ name: 'counter', epoch: 0 }).execute()
      const add = (side: Store) =>
        side.transaction(async (tx) => {
          const { epoch } = await tx
            .selectFrom('epochs')
            .selectAll()
            .where('name', '=', 'counter')
            .executeTakeFirstOrThrow()
          await tx
            .updateTable('epochs')
            .set({ epoch: epoch + 1 })
            .where('name', '=', 'counter')
            .execute()
        })
      const sides = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? store : other))
      await Promise.all(sides.map(add))
      assert.equal(await epochOf(store, 'counter'), 12)
    })

    test('who reads during a long write sees what was before, and need not wait', async () => {
      await using other = await place.open()
      const [written, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const writing = store.transaction(async (tx) => {
        await tx.insertInto('epochs').values({ name: 'long', epoch: 1 }).execute()
        written.resolve()
        await finish.promise
      })
      await written.promise
      assert.equal(await epochOf(other, 'long'), undefined)
      finish.resolve()
      await writing
      assert.equal(await epochOf(other, 'long'), 1)
    })

    test('pages by key hold every row once, though others are added meanwhile', async () => {
      const add = (id: string, opened_at: number) =>
        store.db
          .insertInto('tasks')
          .values({ ...ROWS.tasks, id, opened_at })
          .execute()
      // Many rows share a time, so the id has to decide.
      for (let n = 0; n < 25; n++) await add(`tsk_${String(n).padStart(2, '0')}`, 100 + Math.floor(n / 7))
      const seen: string[] = []
      for (let last = { opened_at: 0, id: '' }; ; ) {
        const page = await store.db
          .selectFrom('tasks')
          .select(['id', 'opened_at'])
          .where('opened_at', '<', 200)
          .where((e) =>
            e.or([
              e('opened_at', '>', last.opened_at),
              e.and([e('opened_at', '=', last.opened_at), e('id', '>', last.id)]),
            ]),
          )
          .orderBy('opened_at')
          .orderBy('id')
          .limit(4)
          .execute()
        seen.push(...page.map((task) => task.id))
        if (page.length < 4) break
        last = page.at(-1) as typeof last
        await add(`tsk_early_${seen.length}`, 1)
      }
      const all = Array.from({ length: 25 }, (_, n) => `tsk_${String(n).padStart(2, '0')}`)
      assert.deepEqual(seen, all)
    })

    test('two processes that take the same things never both get one', async () => {
      const codes = Array.from({ length: 100 }, (_, n) => `race-${n}`)
      const rows = codes.map((code_hash) => ({ ...ROWS.enrolment_codes, code_hash, used_at: null }))
      await store.db.insertInto('enrolment_codes').values(rows).execute()
      const [one, two] = (await together('take', place, 2)) as string[][]
      assert.deepEqual([...(one ?? []), ...(two ?? [])].sort(), codes.sort())
    })

    test('every row that was acknowledged is there after kill -9', async () => {
      const child = start('write', place)
      await said(child)
      let acknowledged = -1
      child.send('go')
      const enough = new Promise<void>((resolve) => {
        child.on('message', (epoch) => {
          acknowledged = epoch as number
          if (acknowledged === 100) resolve()
        })
      })
      await enough
      const gone = once(child, 'close')
      child.kill('SIGKILL')
      await gone
      await using after = await place.open()
      const rows = await after.db
        .selectFrom('epochs')
        .select('epoch')
        .where('name', 'like', 'row-%')
        .orderBy('epoch')
        .execute()
      const kept = rows.map((row) => row.epoch)
      assert.ok(kept.length > acknowledged, `${acknowledged + 1} acknowledged, ${kept.length} there`)
      assert.deepEqual(kept, [...kept.keys()])
    })

    test('four processes that start on an empty database migrate it once', async () => {
      const empty = await fresh()
      try {
        assert.deepEqual(await together('migrate', empty, 4), [0, 0, 0, 0])
        await using opened = await empty.open()
        const done = await sql<{ name: string }>`select name from migrations order by name`.execute(opened.db)
        assert.deepEqual(
          done.rows.map((row) => row.name),
          MIGRATIONS.map(([migration]) => migration),
        )
      } finally {
        await empty.dispose()
      }
    })

    test('a database of a later version is refused, not guessed at', async () => {
      const later = await fresh()
      try {
        await using opened = await later.open()
        await sql`insert into migrations (name) values ('9999-later')`.execute(opened.db)
        await assert.rejects(later.open(), (error) => {
          assert.ok(error instanceof StoreUnavailable)
          assert.match(error.message, /later version.*9999-later/)
          return true
        })
      } finally {
        await later.dispose()
      }
    })
  })
}

async function epochOf(store: Store, name: string): Promise<number | undefined> {
  const row = await store.db.selectFrom('epochs').selectAll().where('name', '=', name).executeTakeFirst()
  return row?.epoch
}

const start = (role: string, { name, location }: TestStore) =>
  fork(new URL('./contract-child.ts', import.meta.url), [role, name, location], { execArgv: [] })

/** The next message of a child; rejects when it ends without one. */
async function said(child: ReturnType<typeof fork>): Promise<unknown> {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'close').then(([code]) => {
      throw new Error(`the second process ended with ${code}`)
    }),
  ])
  return message
}

/** Runs a role in several processes that start at the same moment. @returns what each said */
async function together(role: string, place: TestStore, count: number): Promise<unknown[]> {
  const children = Array.from({ length: count }, () => start(role, place))
  try {
    await Promise.all(children.map(said))
    const answers = children.map(said)
    for (const child of children) child.send('go')
    return await Promise.all(answers)
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

const TEXT = 'Łukasz’s “ward” 🏥\n\\"; drop table agents; --'
const LATE = Number.MAX_SAFE_INTEGER

/** One row per table, with what is hard to carry: the largest integer, null, quotes, newlines, astral characters. */
const ROWS: { [T in keyof Database]: Database[T] } = {
  agents: {
    id: 'agt_1',
    name: 'bot',
    sponsor: TEXT,
    purpose: '',
    status: 'active',
    created_at: LATE,
    review_due_at: LATE,
    sponsor_left_at: null,
    bearer: 1,
  },
  enrolment_codes: { code_hash: 'c1', agent_id: 'agt_1', expires_at: LATE, used_at: null, created_at: 0 },
  instances: {
    id: 'ins_1',
    agent_id: 'agt_1',
    host: TEXT,
    status: 'active',
    enrolled_at: 1,
    last_seen_at: LATE,
    method: 'oidc:cluster',
    attested: '{"sub":"ward"}',
    parent_task: null,
    vouched_until: LATE,
  },
  vouchers: { hash: 'v1', jkt: 'j1', expires_at: LATE },
  instance_keys: {
    jkt: 'j1',
    instance_id: 'ins_1',
    jwk: '{"kty":"EC"}',
    state: 'retiring',
    not_after: LATE,
    created_at: -1,
  },
  tokens: {
    hash: 'h1',
    instance_id: 'ins_1',
    agent_id: 'agt_1',
    task_id: null,
    jkt: 'j1',
    binding: 'dpop',
    expires_at: LATE,
    revoked_at: null,
    created_at: 1,
  },
  subjects: {
    pseudonym: 'sbj_1',
    lookup: 'l1',
    sealed_name: TEXT,
    state: 'active',
    held_why: null,
    created_at: LATE,
  },
  body_keys: {
    id: 'key_1',
    kek: 'f1',
    subject: '',
    record_class: 'general',
    month: '2026-11',
    sealed: 'c2VhbGVk',
    created_at: LATE,
  },
  servers: { name: 'files', launch_digest: 'd', seen: '', seen_at: null, created_at: 1 },
  tools: {
    server: 'files',
    kind: 'tool',
    name: TEXT,
    status: 'proposed',
    seen: '{"definition":{"a":[1,2.5,"\\u0001"]}}',
    seen_digest: 'd',
    seen_at: 1,
    pinned: null,
    pinned_digest: null,
    decided_by: null,
    decided_at: null,
    note: TEXT,
  },
  tasks: {
    id: 'tsk_full',
    agent_id: 'agt_1',
    instance_id: 'ins_1',
    template: 'work',
    purpose: TEXT,
    on_behalf_of: 'alice@example.org',
    subject: null,
    state: 'open',
    end_reason: null,
    opened_at: LATE,
    expires_at: LATE,
    idle_ms: 900_000,
    last_used_at: 1,
    closed_at: null,
    vouched: 'agent',
    parent_id: null,
    lineage: '/tsk_full/',
    txn: 'tsk_full',
  },
  grants: {
    id: 'grt_1',
    task_id: 'tsk_full',
    details: '[]',
    budget: '{}',
    spent: `{"bytes":${LATE}}`,
    terms: '{}',
    delegable: 1,
    parent_id: null,
    expires_at: 1,
  },
  locks: {
    id: 'lck_1',
    scope: 'global',
    target: '*',
    why: TEXT,
    set_by: 'alice@example.org',
    set_at: 1,
    expires_at: null,
    lifted_by: null,
    lifted_at: null,
  },
  secrets: { name: 'key', version: 1, sealed: 'AAAA', created_at: 1, destroyed_at: null, retires_at: null },
  leases: {
    id: 'lse_1',
    task_id: 'tsk_full',
    server: 'files',
    broker: 'static',
    state: 'minting',
    upstream_expires_at: null,
    reference: null,
    attempts: 3,
    next_retry_at: LATE,
    last_error: TEXT,
    created_at: 1,
    closed_at: null,
  },
  operators: {
    id: 'opr_1',
    name: 'dr-lee@example.org',
    roles: '["viewer"]',
    status: 'active',
    subject: null,
    created_at: LATE,
  },
  sign_in_links: { code_hash: 'l1', operator_id: 'opr_1', expires_at: LATE, used_at: null },
  operator_sessions: { hash: 's1', operator_id: 'opr_1', method: 'oidc', expires_at: LATE, seen_at: 1 },
  passkeys: {
    credential_id: 'p1',
    operator_id: 'opr_1',
    public_key: 'AAAA',
    counter: 0,
    created_at: 1,
    last_used_at: null,
  },
  proposals: {
    id: 'prp_1',
    kind: 'lift-lock',
    target: 'lck_1',
    proposed_by: TEXT,
    expires_at: LATE,
    decided_by: null,
    created_at: 1,
  },
  signing_keys: {
    kid: 'k1',
    jwk: '{}',
    sealed: 'AAAA',
    state: 'current',
    created_at: 1,
    activated_at: LATE,
    retire_at: null,
  },
  outward_tokens: { idx: 4711, task_id: 'tsk_full', expires_at: LATE, revoked: 1 },
  signals_in: { id: 'idp|1', received_at: LATE },
  signals_out: {
    jti: 'j1',
    audience: 'https://a',
    body: TEXT,
    attempts: 0,
    next_retry_at: LATE,
    created_at: 1,
  },
  oauth_clients: { client_id: 'cli_1', metadata: '{}', created_at: 1, used_at: null },
  authorization_codes: {
    code_hash: 'c1',
    consent: TEXT,
    expires_at: LATE,
    used_at: null,
    task_id: null,
    created_at: 1,
  },
  refresh_tokens: {
    hash: 'r1',
    instance_id: 'ins_1',
    task_id: 'tsk_full',
    client_id: 'cli_1',
    expires_at: LATE,
    used_at: null,
    created_at: 1,
  },
  epochs: { name: 'tools', epoch: LATE },
}
