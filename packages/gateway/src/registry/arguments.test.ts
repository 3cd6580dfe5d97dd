import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json, JsonObject } from '../model/json.ts'
import { compileArguments, SchemaUnusable } from './arguments.ts'
import { compilePromptArguments } from './prompt-arguments.ts'
import { isPlainPattern, measureSchema } from './schema-bounds.ts'
import { TooSlow, withinTime } from './time-limit.ts'

const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
})

test('absent arguments count as an empty object', () => {
  assert.equal(compileArguments(object({}))(undefined), undefined)
  assert.match(compileArguments(object({}, { required: ['a'] }))(undefined) ?? '', /required/)
})

test('a refusal names the place and the rule, never a value or a key of the call', () => {
  const validate = compileArguments(
    object({ note: { type: 'string', maxLength: 3 }, by: { additionalProperties: { type: 'number' } } }),
  )
  assert.equal(validate({ note: 'Jane Roe' }), '/note must NOT have more than 3 characters (maxLength)')
  assert.equal(validate({ by: { 'Jane Roe': 'x' } }), '/by/* must be number (type)')
  const closed = compileArguments(object({ a: { const: 1 } }, { additionalProperties: false }))
  assert.doesNotMatch(closed({ 'Jane Roe': 1 }) ?? '', /Jane/)
  assert.doesNotMatch(closed({ a: 'Jane Roe' }) ?? '', /Jane/)
})

test('a pattern that backtracks for ever does not stop the gateway', () => {
  for (const pattern of ['^(a+)+$', '^(a|a)*$', 'a*a*a*a*a*a*a*b', '^(a?){40}a{40}$']) {
    const validate = compileArguments(object({ a: { type: 'string', pattern } }))
    const started = performance.now()
    assert.match(validate({ a: `${'a'.repeat(5000)}!` }) ?? '', /longer than|pattern/, pattern)
    assert.ok(performance.now() - started < 2000, pattern)
  }
})

test('uniqueItems and references that multiply work do not stop the gateway', () => {
  const unique = compileArguments(object({ a: { type: 'array', uniqueItems: true } }))
  const started = performance.now()
  assert.match(unique({ a: Array.from({ length: 50_000 }, (_, i) => ({ i })) }) ?? '', /longer than/)
  const $defs: Record<string, Json> = { d0: { type: 'object' } }
  for (let i = 1; i < 30; i++)
    $defs[`d${i}`] = { allOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] }
  const doubling = compileArguments(object({ a: { $ref: '#/$defs/d29' } }, { $defs }))
  assert.match(doubling({ a: {} }) ?? '', /longer than/)
  assert.ok(performance.now() - started < 4000)
})

test('a schema that refers to itself without end refuses instead of overflowing', () => {
  const validate = compileArguments(object({}, { allOf: [{ $ref: '#' }] }))
  assert.match(validate({}) ?? '', /too deep/)
})

test('a recursive schema works', () => {
  const tree = compileArguments(object({ next: { $ref: '#' }, n: { type: 'integer' } }))
  assert.equal(tree({ n: 1, next: { n: 2 } }), undefined)
  assert.match(tree({ next: { n: 'x' } }) ?? '', /^\/next\/n must be integer/)
})

test('a remote reference is not fetched: the schema is unusable', async () => {
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  for (const keyword of ['$ref', '$dynamicRef']) {
    assert.throws(
      () => compileArguments(object({ a: { [keyword]: `http://127.0.0.1:${port}/s.json` } })),
      SchemaUnusable,
    )
  }
  await new Promise((resolve) => server.close(resolve))
  assert.equal(asked, 0)
})

test('schemas of two servers with the same identifiers do not see each other', () => {
  const schema = (type: string) =>
    object(
      { a: { $ref: 'https://example.org/inner' } },
      { $id: 'https://example.org/outer', $defs: { x: { $id: 'inner', type } } },
    )
  const [text, number] = [compileArguments(schema('string')), compileArguments(schema('number'))]
  assert.equal(text({ a: 'x' }), undefined)
  assert.equal(number({ a: 1 }), undefined)
  assert.throws(() => compileArguments(object({ a: { $ref: 'https://example.org/inner' } })), SchemaUnusable)
})

test('huge, deep and invalid schemas are unusable', () => {
  let deep: JsonObject = {}
  for (let i = 0; i < 60; i++) deep = { not: deep }
  const values = Array.from({ length: 30_000 }, (_, i) => i)
  const parts = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`p${i}`, {}]))
  const unusable: Json[] = [
    object({ a: deep }),
    object({ a: { enum: values } }),
    object(parts),
    object({ a: { type: 'strin' } }),
    object({ a: { pattern: '(' } }),
    object({ a: { minimum: 'x' } }),
    object({}, { $schema: 'https://example.org/own-dialect' }),
    object({}, { $schema: 'http://json-schema.org/draft-04/schema#' }),
    true,
    'x',
  ]
  for (const schema of unusable) assert.throws(() => compileArguments(schema), SchemaUnusable)
})

test('a large enum within the bounds is checked', () => {
  const validate = compileArguments(
    object({ a: { enum: Array.from({ length: 15_000 }, (_, i) => `v${i}`) } }),
  )
  assert.equal(validate({ a: 'v14999' }), undefined)
  assert.match(validate({ a: 'secret' }) ?? '', /^\/a must be equal to one of the allowed values/)
})

test('draft-07 is read as draft-07, everything else as 2020-12', () => {
  const tuple = { a: { type: 'array', items: [{ type: 'number' }] } }
  const old = compileArguments(object(tuple, { $schema: 'http://json-schema.org/draft-07/schema#' }))
  assert.match(old({ a: ['x'] }) ?? '', /^\/a\/0 must be number/)
  const now = compileArguments(object({ a: { type: 'array', prefixItems: [{ type: 'number' }] } }))
  assert.match(now({ a: ['x'] }) ?? '', /^\/a\/0 must be number/)
})

test('formats are checked, and a string too long to be one does not match', () => {
  const validate = compileArguments(object({ a: { type: 'string', format: 'uri' } }))
  assert.equal(validate({ a: 'https://example.org/x' }), undefined)
  assert.match(validate({ a: 'x y' }) ?? '', /format/)
  assert.match(validate({ a: `https://example.org/${'x'.repeat(9000)}` }) ?? '', /format/)
  assert.equal(
    compileArguments(object({ a: { type: 'string', format: 'unheard-of' } }))({ a: 'x' }),
    undefined,
  )
})

test('patterns that count as linear are: any input is matched at once', () => {
  const part = fc.constantFrom('a', '[a-z]', '\\d', '.', 'a*', '[^x]+', 'b?', '{2}', '(a)', '|', '$')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const pattern = `^${parts.join('')}`
      if (!isPlainPattern(pattern)) return
      let compiled: RegExp
      try {
        compiled = new RegExp(pattern)
      } catch {
        return
      }
      withinTime(500, () => compiled.test(`${'a'.repeat(100_000)}!`))
    }),
  )
  assert.equal(isPlainPattern('^[a-z0-9-]+$'), true)
  for (const slow of ['a+', '^a?a?', '^(a+)+$', '^a|b+c', '^a+b+']) assert.equal(isPlainPattern(slow), false)
})

test('measuring and compiling any JSON as a schema ends in a validator or in SchemaUnusable', () => {
  const keyword = fc.constantFrom(
    'type',
    'properties',
    '$ref',
    'items',
    'allOf',
    'not',
    'pattern',
    'enum',
    '$id',
    '$defs',
  )
  const schema = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue(),
      fc.dictionary(keyword, tie('node') as fc.Arbitrary<unknown>),
    ),
  })).node
  fc.assert(
    fc.property(schema, fc.dictionary(fc.string(), fc.jsonValue()), (candidate, args) => {
      measureSchema(candidate)
      try {
        const outcome = compileArguments(candidate as Json)(args as JsonObject)
        assert.ok(outcome === undefined || typeof outcome === 'string')
      } catch (error) {
        assert.ok(error instanceof SchemaUnusable)
      }
    }),
    { numRuns: 300 },
  )
})

test('work that takes too long is stopped, and the next work runs as usual', () => {
  assert.throws(() => withinTime(20, () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)), TooSlow)
  assert.equal(
    withinTime(1000, () => 7),
    7,
  )
  assert.throws(
    () =>
      withinTime(1000, () => {
        throw new TypeError('own error')
      }),
    TypeError,
  )
  assert.equal(
    withinTime(1000, () => withinTime(1000, () => 8)),
    8,
  )
})

test('arguments of a prompt are declared text', () => {
  const validate = compilePromptArguments({
    name: 'p',
    arguments: [{ name: 'a', required: true }, { name: 'b' }],
  })
  assert.equal(validate({ a: 'x' }), undefined)
  assert.match(validate(undefined) ?? '', /'a'/)
  assert.match(validate({ a: 1 }) ?? '', /must be string/)
  assert.match(validate({ a: 'x', 'Jane Roe': 'y' }) ?? '', /undeclared/)
  assert.doesNotMatch(validate({ a: 'x', 'Jane Roe': 'y' }) ?? '', /Jane/)
  assert.throws(() => compilePromptArguments({ arguments: [7] }), SchemaUnusable)
})
