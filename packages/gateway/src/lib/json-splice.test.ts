import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addMember, mapNumbers, mapStrings, mapValue, removeMember, replaceValue } from './json-splice.ts'

test('everything but the value stays as it was written', () => {
  const text =
    ' {"id" : 1.0e0,\n "params":{ "name":"a\\u0062","x":[1,{"name":2}],"big":12345678901234567890 } , "z":null}'
  assert.equal(replaceValue(text, ['params', 'name'], '"new"'), text.replace('"a\\u0062"', '"new"'))
  assert.equal(replaceValue(text, ['id'], '7'), text.replace('1.0e0', '7'))
  assert.equal(addMember(text, ['params'], '_meta', '{}'), text.replace('{ "name"', '{"_meta":{}, "name"'))
})

test('a member is found by its key, not by text that looks like it', () => {
  const text = '{"a":"\\"b\\":1,","c":{"b":2},"b":3}'
  assert.equal(replaceValue(text, ['b'], '9'), '{"a":"\\"b\\":1,","c":{"b":2},"b":9}')
  assert.throws(() => replaceValue(text, ['c', 'a'], '9'), /no member a/)
})

const key = fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__')
const tree = fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, maxKeys: 6 })

/** Writes JSON as another program might: blanks anywhere, characters escaped. */
const spelled = (value: unknown, blanks: readonly string[]): string => {
  let i = 0
  return JSON.stringify(value, null, 1).replace(/\n */g, () => blanks[i++ % blanks.length] as string)
}

test('replacing gives what editing the parsed value gives, wherever the value stands', () => {
  fc.assert(
    fc.property(
      tree,
      fc.jsonValue({ maxDepth: 2 }),
      fc.nat(),
      fc.array(fc.constantFrom('', ' ', '\n', '\t  '), { minLength: 1, maxLength: 5 }),
      (object, value, pick, blanks) => {
        const names = Object.keys(object)
        const name = names[pick % names.length] as string
        const edited = replaceValue(spelled(object, blanks), [name], JSON.stringify(value))
        assert.deepEqual(JSON.parse(edited), JSON.parse(JSON.stringify({ ...object, [name]: value })))
      },
    ),
  )
})

test('a member that is removed is gone, with its comma, and nothing else changes', () => {
  assert.equal(removeMember('{ "a" : 1 , "b":[2] }', 'a'), '{ "b":[2] }')
  assert.equal(removeMember('{ "a" : 1 , "b":[2] }', 'b'), '{ "a" : 1  }')
  assert.equal(removeMember('{"a":{"b":1}}', 'a'), '{}')
  fc.assert(
    fc.property(
      tree,
      fc.nat(),
      fc.array(fc.constantFrom('', ' ', '\n', '\t  '), { minLength: 1, maxLength: 5 }),
      (object, pick, blanks) => {
        const names = Object.keys(object)
        const name = names[pick % names.length] as string
        const text = `{"in":${spelled(object, blanks)}}`
        const { [name]: _, ...rest } = JSON.parse(JSON.stringify(object))
        const edited = mapValue(text, ['in'], (json) => removeMember(json, name))
        assert.deepEqual(JSON.parse(edited), { in: rest })
      },
    ),
  )
})

test('a member is added and nothing else changes', () => {
  fc.assert(
    fc.property(tree, fc.jsonValue({ maxDepth: 2 }), (object, value) => {
      const before = { outer: object }
      if (Object.hasOwn(object, 'added')) return
      const text = addMember(JSON.stringify(before), ['outer'], 'added', JSON.stringify(value))
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify({ outer: { ...object, added: value } })))
    }),
  )
})

test('only the strings that change are written anew; numbers keep their spelling', () => {
  const text = '{ "id":12345678901234567890, "a\\u0062":"x\\"y", "n":[1.0e0,"z"] }'
  assert.equal(
    mapStrings(text, (value) => value),
    text,
  )
  assert.equal(
    mapStrings(text, (value) => value.replace('z', 'q"')),
    text.replace('"z"', '"q\\""'),
  )
})

test('mapping strings in the text is mapping them in the value', () => {
  const shout = (value: string) => value.replaceAll('a', 'AA')
  const deep = (value: unknown): unknown =>
    typeof value === 'string'
      ? shout(value)
      : Array.isArray(value)
        ? value.map(deep)
        : typeof value === 'object' && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [shout(key), deep(item)]))
          : value
  fc.assert(
    fc.property(tree, (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(JSON.parse(mapStrings(text, shout)), deep(JSON.parse(text)))
    }),
  )
})

test('numbers are changed as they are written, and nothing that only looks like one', () => {
  const text = '{"1":"2\\"3", "a":[-4, 5.0e1 ,6],"b":{"c":7}}'
  assert.equal(
    mapNumbers(text, (written) => `"<${written}>"`),
    '{"1":"2\\"3", "a":["<-4>", "<5.0e1>" ,"<6>"],"b":{"c":"<7>"}}',
  )
  assert.equal(
    mapNumbers(text, () => undefined),
    text,
  )
})
