import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorApiDeps } from './operator-api.ts'
import { operatorApi } from './operator-api.ts'
import { PUBLIC_PREFIX, permissionsFor } from './permissions.ts'

/** Routes are only listed here, never called, so nothing is needed behind them. */
const app = operatorApi({} as OperatorApiDeps, async () => undefined)
const routes = app.routes.filter(({ method }) => method !== 'ALL')

/** Asked with a body, or recorded; they change nothing. */
const LOOKS = new Set([
  '/policy/explain',
  '/audit/entries/:index/open',
  '/audit/who-saw',
  '/audit/diff-policy',
  '/audit/reindex',
])

test('every route of the operators’ interface says what it takes', () => {
  assert.ok(routes.length > 40, String(routes.length))
  for (const { method, path } of routes) {
    const real = path.replace(/:\w+/g, 'x')
    assert.notEqual(permissionsFor(method, real).length, 0, `${method} ${path}`)
    assert.deepEqual(permissionsFor(method, PUBLIC_PREFIX + real), permissionsFor(method, real))
  }
})

test('reading takes no more than changing, and nothing that changes takes only `read`', () => {
  for (const { method, path } of routes) {
    if (method === 'GET' || LOOKS.has(path)) continue
    const needed = permissionsFor(method, path.replace(/:\w+/g, 'x'))
    assert.ok(!needed.includes('read') && !needed.includes('audit'), `${method} ${path}`)
  }
})

test('what no rule names is refused', () => {
  for (const [method, path] of [
    ['PATCH', '/agents'],
    ['DELETE', '/agents/x'],
    ['POST', '/status'],
    ['GET', '/unheard-of'],
    ['GET', '/statusx'],
    ['POST', '/x/agents'],
  ] as const) {
    assert.deepEqual(permissionsFor(method, path), [], `${method} ${path}`)
  }
})
