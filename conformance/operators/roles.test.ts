import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { BrowserSession } from '../support/browser-session.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

let gateway: GuardedGateway

before(async () => {
  gateway = await startGuarded({})
})

after(() => gateway?.[Symbol.asyncDispose]())

async function person(name: string, ...roles: string[]): Promise<BrowserSession> {
  const browser = new BrowserSession(gateway)
  await browser.signIn(name, roles)
  return browser
}

const codeOf = async (answer: Response): Promise<string | undefined> =>
  ((await answer.json()) as { reason?: { code: string } }).reason?.code

/** Every way to change something. */
const CHANGES: readonly (readonly [string, string, object])[] = [
  ['POST', '/agents', { name: 'x', sponsor: 'alice@example.org' }],
  ['POST', '/agents/x/enrol', {}],
  ['POST', '/agents/x/suspend', {}],
  ['POST', '/agents/x/revoke', {}],
  ['POST', '/agents/x/bearer', { allow: true }],
  ['POST', '/agents/x/sponsor', { sponsor: 'mallory@example.org' }],
  ['POST', '/agents/x/review', {}],
  ['POST', '/sponsors/left', { sponsor: 'alice@example.org' }],
  ['POST', '/instances/x/revoke', {}],
  ['POST', '/instances/x/rotate', {}],
  ['POST', '/tasks/x/close', {}],
  ['POST', '/tasks/x/pause', {}],
  ['POST', '/tools/refresh', {}],
  ['POST', '/tools/s/t/approve', {}],
  ['POST', '/tools/s/t/reject', {}],
  ['POST', '/locks', { scope: 'global', why: 'x' }],
  ['POST', '/locks/x/lift', {}],
  ['POST', '/operators', { name: 'mallory', roles: ['security-officer'] }],
  ['POST', '/operators/vi/roles', { roles: ['security-officer'] }],
  ['POST', '/operators/vi/link', {}],
  ['POST', '/operators/vi/disable', {}],
  ['POST', '/flow/holds/cal_x/endorse', {}],
  ['POST', '/reload', {}],
  ['POST', '/shutdown', {}],
]

test('who is not signed in reads nothing and changes nothing over the network', async () => {
  const stranger = new BrowserSession(gateway)
  for (const path of ['/status', '/agents', '/audit', '/operators', '/secrets', '/tasks'])
    assert.equal(await codeOf(await stranger.fetch(`/control${path}`)), 'SIGN_IN_REQUIRED', path)
  for (const [, path, body] of CHANGES)
    assert.equal(await codeOf(await stranger.post(`/control${path}`, body)), 'SIGN_IN_REQUIRED', path)
  stranger.cookies.set('ostiary-session', 'x'.repeat(43))
  assert.equal(await codeOf(await stranger.fetch('/control/status')), 'SIGN_IN_REQUIRED')
})

test('a viewer changes nothing, an auditor reads the log and changes nothing', async () => {
  const viewer = await person('vi', 'viewer')
  const auditor = await person('au', 'auditor')
  for (const browser of [viewer, auditor]) {
    assert.equal((await browser.fetch('/control/agents')).status, 200)
    for (const [, path, body] of CHANGES)
      assert.equal(await codeOf(await browser.post(`/control${path}`, body)), 'ROLE_MISSING', path)
    assert.equal(
      (
        await browser.fetch('/control/secrets/x', {
          method: 'DELETE',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
      403,
    )
  }
  assert.equal(await codeOf(await viewer.fetch('/control/audit')), 'ROLE_MISSING')
  assert.equal((await auditor.fetch('/control/audit')).status, 200)
  const open = '/control/audit/entries/0/open'
  assert.equal(await codeOf(await viewer.post(open, {})), 'ROLE_MISSING')
  assert.equal(await codeOf(await auditor.post(open, {})), 'CONTENT_NOT_SEALED')
})

test('an operator runs the gateway but manages no people, revokes nothing and lifts no lock', async () => {
  const operator = await person('op', 'operator')
  const added = await operator.post('/control/agents', { name: 'bot', sponsor: 'alice@example.org' })
  assert.equal(added.status, 201)
  for (const [path, body] of [
    ['/operators', { name: 'mallory', roles: ['security-officer'] }],
    ['/operators/op/roles', { roles: ['security-officer'] }],
    ['/agents/bot/revoke', {}],
    ['/agents/bot/resume', {}],
    ['/agents/bot/bearer', { allow: true }],
    ['/locks/x/lift', {}],
  ] as const) {
    assert.equal(await codeOf(await operator.post(`/control${path}`, body)), 'ROLE_MISSING', path)
  }
  const { entries } = await gateway.control<{ entries: { type: string; actor: object }[] }>(
    'GET',
    '/agents/bot/history',
  )
  assert.deepEqual(entries.find(({ type }) => type === 'agent.added')?.actor, {
    kind: 'operator',
    operator: 'op',
    via: 'link',
  })
})

test('a page of another site cannot act for a signed-in person', async () => {
  const officer = await person('s0', 'security-officer')
  const body = JSON.stringify({ scope: 'global', why: 'forged' })
  for (const headers of [
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
    { 'content-type': 'application/json', 'sec-fetch-site': 'same-site' },
    { 'content-type': 'application/json', origin: 'https://evil.example' },
  ]) {
    const answer = await officer.fetch('/control/locks', {
      method: 'POST',
      headers: headers as Record<string, string>,
      body,
    })
    assert.equal(answer.status, 403, JSON.stringify(headers))
  }
  const { locks } = await gateway.control<{ locks: unknown[] }>('GET', '/locks')
  assert.deepEqual(locks, [])
})

test('a sign-in link is good once, and a newer one voids it', async () => {
  await gateway.control('POST', '/operators', { name: 'once', roles: [] })
  const link = async () => {
    const { url } = await gateway.control<{ url: string }>('POST', '/operators/once/link')
    return new URLSearchParams(new URL(url).hash.slice(1)).get('code')
  }
  const browser = new BrowserSession(gateway)
  const old = await link()
  const code = await link()
  assert.equal((await browser.post('/operators/sign-in/link', { code: old })).status, 403)
  const answers = await Promise.all([1, 2, 3].map(() => browser.post('/operators/sign-in/link', { code })))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403, 403])
})

test('a session from before a sign-in is not taken over (fixation), and one that ended is dead', async () => {
  const browser = new BrowserSession(gateway)
  browser.cookies.set('ostiary-session', 'attacker-chose-this')
  await browser.signIn('fix', ['viewer'])
  assert.notEqual(browser.cookies.get('ostiary-session'), 'attacker-chose-this')
  const kept = browser.cookies.get('ostiary-session') ?? ''
  assert.equal((await browser.post('/operators/sign-out', {})).status, 204)
  browser.cookies.set('ostiary-session', kept)
  assert.equal(await codeOf(await browser.fetch('/control/status')), 'SIGN_IN_REQUIRED')
})

test('who is disabled, or gets other roles, is out at the very next request', async () => {
  const one = await person('leaving', 'operator')
  assert.equal((await one.fetch('/control/status')).status, 200)
  await gateway.control('POST', '/operators/leaving/disable')
  assert.equal(await codeOf(await one.fetch('/control/status')), 'SIGN_IN_REQUIRED')
  const two = await person('demoted', 'operator')
  await gateway.control('POST', '/operators/demoted/roles', { roles: ['viewer'] })
  assert.equal(await codeOf(await two.fetch('/control/status')), 'SIGN_IN_REQUIRED')
})

test('a sign-in leads back to this gateway and nowhere else', async () => {
  const browser = new BrowserSession(gateway)
  for (const to of [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    '/"><script>',
  ]) {
    const page = await (await browser.fetch(`/operators/sign-in?return_to=${encodeURIComponent(to)}`)).text()
    const target = /data-return-to="([^"]*)"/.exec(page)?.[1] ?? ''
    assert.ok(target === '/operators/me' || /^\/[^/\\]/.test(target), to)
    assert.ok(!page.includes('<script>'), to)
  }
})

test('lifting a global lock takes two people, and nobody is two', async () => {
  const [ann, bob] = [await person('ann', 'security-officer'), await person('bob', 'security-officer')]
  const { lock } = (await (await ann.post('/control/locks', { scope: 'global', why: 'drill' })).json()) as {
    lock: { id: string }
  }
  const lift = (browser: BrowserSession) => browser.post(`/control/locks/${lock.id}/lift`, {})
  assert.equal((await lift(ann)).status, 202)
  assert.equal(await codeOf(await lift(ann)), 'SECOND_PERSON_NEEDED')
  assert.equal((await gateway.control<{ locks: unknown[] }>('GET', '/locks')).locks.length, 1)
  assert.equal((await lift(bob)).status, 200)
  assert.equal((await gateway.control<{ locks: unknown[] }>('GET', '/locks')).locks.length, 0)
})

test('one officer is not two: not by a second account, a link to the other, their demotion, or the socket', async () => {
  const [ann, bob] = [await person('ann', 'security-officer'), await person('bob', 'security-officer')]
  const { lock } = (await (await ann.post('/control/locks', { scope: 'global', why: 'drill' })).json()) as {
    lock: { id: string }
  }
  const lift = (browser: BrowserSession) => browser.post(`/control/locks/${lock.id}/lift`, {})
  await gateway.control('POST', '/operators', { name: 'vic', roles: ['viewer'] })
  const officer = ['security-officer']
  for (const [path, body] of [
    ['/operators', { name: 'ann-again', roles: officer }],
    ['/operators/vic/roles', { roles: officer }],
    ['/operators/bob/roles', { roles: [] }],
    ['/operators/bob/link', {}],
    ['/operators/bob/disable', {}],
  ] as const) {
    const answer = await ann.post(`/control${path}`, body)
    assert.equal(answer.status, 202, path)
    assert.equal(await codeOf(await ann.post(`/control${path}`, body)), 'SECOND_PERSON_NEEDED', path)
  }
  await assert.rejects(gateway.control('POST', `/locks/${lock.id}/lift`), /signed in/)
  // What is confirmed is what was proposed, and not something near it.
  assert.equal((await bob.post('/control/operators', { name: 'other', roles: officer })).status, 202)
  assert.equal((await bob.post('/control/operators', { name: 'ann-again', roles: officer })).status, 201)
  assert.equal((await ann.post('/control/operators/vic/link', {})).status, 201, 'who is no officer takes one')
  // Who is no officer any more has proposed nothing.
  assert.equal((await lift(ann)).status, 202)
  await gateway.control('POST', '/operators/ann/disable')
  assert.equal((await lift(bob)).status, 202)
  const cat = await person('cat', ...officer)
  assert.equal((await lift(cat)).status, 200)
})

test('an approver looks at what waits and endorses; whoever only runs the gateway does neither', async () => {
  const approver = await person('ap', 'approver')
  const operator = await person('op2', 'operator')
  assert.equal((await approver.fetch('/control/flow/holds')).status, 200)
  assert.equal(await codeOf(await approver.post('/control/flow/holds/cal_x/endorse', {})), 'HOLD_UNKNOWN')
  assert.equal(await codeOf(await operator.fetch('/control/flow/holds')), 'ROLE_MISSING')
  assert.equal(await codeOf(await operator.fetch('/control/flow/calls/cal_x')), 'ROLE_MISSING')
  const auditor = await person('au2', 'auditor')
  assert.equal(await codeOf(await auditor.fetch('/control/flow/calls/cal_x')), 'CALL_UNKNOWN')
  assert.equal(await codeOf(await auditor.fetch('/control/flow/holds')), 'ROLE_MISSING')
  assert.equal(await codeOf(await operator.post('/control/flow/holds/cal_x/endorse', {})), 'ROLE_MISSING')
})
