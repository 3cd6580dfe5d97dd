import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import type { GuardedFixture } from './guarded-fixture.ts'
import { startGuardedFixture } from './guarded-fixture.ts'
import type { Differences, Requirements, SuiteRun } from './suite.ts'
import { differences, runSuite } from './suite.ts'

interface ListedDifference {
  readonly revision: Requirements
  readonly checks: readonly string[]
  readonly direct: Record<string, number>
  readonly gateway: Record<string, number>
  readonly reason: string
}

const listed = parse(
  readFileSync(new URL('./differences.yml', import.meta.url), 'utf8'),
) as ListedDifference[]

let fixture: GuardedFixture

before(async () => {
  fixture = await startGuardedFixture()
})

after(() => fixture?.[Symbol.asyncDispose]())

/** Checks that the fixture passes: were there fewer, the suite would no longer ask what it did. */
const PASSES: Record<Requirements, number> = { '2025-11-25': 84, '2026-07-28': 164 }

for (const requirements of ['2025-11-25', '2026-07-28'] as const) {
  test(`the official suite for ${requirements}: the gateway answers as the server itself does`, async () => {
    const direct = await runSuite({ url: fixture.direct, requirements })
    assert.equal(direct.complaints, '', 'the fixture itself')
    assert.equal(passes(direct), PASSES[requirements])

    const guarded = await runSuite({ url: fixture.guarded, requirements })
    const found = differences(direct.summary, guarded.summary)
    assert.deepEqual(found, expected(requirements), explain(found, guarded))
  })
}

test('every listed difference gives its reason', () => {
  for (const { checks, reason } of listed) assert.ok(reason.length > 40, checks.join(', '))
})

function expected(requirements: Requirements): Differences {
  const mine = listed.filter(({ revision }) => revision === requirements)
  return Object.fromEntries(
    mine.flatMap(({ checks, direct, gateway }) => checks.map((check) => [check, { direct, gateway }])),
  )
}

const passes = ({ summary }: SuiteRun): number =>
  Object.values(summary)
    .flatMap((checks) => Object.values(checks))
    .reduce((sum, count) => sum + (count.SUCCESS ?? 0), 0)

const explain = (found: Differences, run: SuiteRun): string =>
  [
    'differences other than those in differences.yml; through the gateway:',
    ...Object.entries(found).map(
      ([check, { direct, gateway }]) =>
        `${check}: ${JSON.stringify(direct)} became ${JSON.stringify(gateway)} ${run.messages[check] ?? ''}`,
    ),
  ].join('\n')
