import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirewallSchema, firewallProblems } from './firewall-schema.ts'

const problemsOf = (rule: object): string[] => {
  const { rules } = FirewallSchema.parse({ rules: [rule] })
  return firewallProblems(rules, (name) => name === 'files' || name === 'lab').map(({ message }) => message)
}

test('a rule is for detectors that there are, and cannot touch what is always handled', () => {
  for (const find of ['known-secrets', 'hidden-text', 'nothing'])
    assert.throws(() => problemsOf({ find: [find], in: 'results', do: 'block' }), find)
  assert.throws(() => problemsOf({ find: [], in: 'results', do: 'block' }))
})

test('a rule that could not do what it says is told so', () => {
  assert.deepEqual(problemsOf({ find: ['secrets', 'personal-data'], in: 'results', do: 'redact' }), [])
  assert.deepEqual(
    problemsOf({ find: ['injection'], in: 'arguments', servers: ['files', 'lab'], do: 'block' }),
    [],
  )
  assert.match(problemsOf({ find: ['injection'], in: 'results', do: 'mask' })[0] ?? '', /where it stands/)
  assert.match(problemsOf({ find: ['secrets'], in: 'arguments', do: 'redact' })[0] ?? '', /only be blocked/)
  assert.match(problemsOf({ find: ['views'], in: 'results', do: 'spotlight' })[0] ?? '', /only be blocked/)
  const unknown = { find: ['secrets'], in: 'results', servers: ['fiels'], do: 'block' }
  assert.match(problemsOf(unknown)[0] ?? '', /no server or provider `fiels`/)
})
