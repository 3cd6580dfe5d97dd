import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Json } from '../model/json.ts'
import { keysOf, linkKeys } from './canonical.ts'
import { leavesOf, select, stepsOf } from './paths.ts'
import { Story } from './testing.ts'

const host = fc.stringMatching(/^[a-z]{1,8}\.(?:example|com)$/)
const local = fc.stringMatching(/^[a-z0-9]{1,8}$/)
const email = fc.tuple(local, host).map(([name, domain]) => `${name}@${domain}`)
const link = fc
  .tuple(host, fc.stringMatching(/^[a-zA-Z0-9/]{0,8}$/), fc.stringMatching(/^(?:\?[a-z]=[a-zA-Z0-9]{1,4})?$/))
  .map(([domain, path, query]) => `https://${domain}/${path}${query}`)

/** Ways to write an address so that it is still the same. */
const spelled = (text: string) =>
  fc.constantFrom(text, text.toUpperCase(), ` ${text}\n`, `mailto:${text}`, `"${text}"`)

test('spellings of one address have a key in common, two addresses none', () => {
  fc.assert(
    fc.property(
      email.chain((one) => fc.tuple(fc.constant(one), spelled(one))),
      email,
      ([one, again], other) => {
        const keys = keysOf(one)
        assert.ok(keysOf(again).some((key) => keys.includes(key)))
        if (other !== one) assert.ok(!keysOf(other).some((key) => keys.includes(key)))
      },
    ),
  )
})

test('two links that differ in more than scheme, host case and one slash at the end have no key in common', () => {
  const shape = (url: string) => url.replace(/^https:\/\//, '').replace(/\/$/, '')
  fc.assert(
    fc.property(link, link, (one, other) => {
      assert.deepEqual(linkKeys(one), linkKeys(one.replace('https', 'HTTP')))
      if (shape(one) !== shape(other)) assert.notDeepEqual(linkKeys(one), linkKeys(other))
      assert.deepEqual(linkKeys(one.replace('//', '//u:p@')), [])
    }),
  )
})

test('every value of any document is among its leaves, and only a path that was written leads to it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (document, name) => {
      const values = leavesOf({ [name]: document as Json }).map(({ value }) => value)
      const walk = (value: unknown): unknown[] =>
        typeof value === 'object' && value !== null ? Object.values(value).flatMap(walk) : [value]
      for (const value of walk(document)) if (value !== null) assert.ok(values.includes(value as Json))
    }),
  )
  const document = { 'a.b': 1, a: { b: 2 }, '': { a: { b: 3 } }, 'a[0]': 4 }
  assert.deepEqual(
    select(document, stepsOf('a.b')).map(({ value }) => value),
    [2],
  )
  assert.equal(leavesOf(document).filter(({ path, value }) => path === 'a.b' && value !== 2).length, 0)
})

/** Shapes and spellings in which a hijacked agent may give a value. */
const wraps: readonly ((value: string) => Json)[] = [
  (value) => value,
  (value) => [value],
  (value) => [[value]],
  (value) => ({ 0: value }),
  (value) => ({ [value]: true }),
  (value) => ({ [value]: {} }),
  (value) => ({ x: { [value]: null } }),
  (value) => ({ '': value }),
  (value) => ({ 'a.b': [value] }),
  (value) => ` ${value.toUpperCase()} `,
  (value) => `desk@clinic.example ${value}`,
  (value) => `desk@clinic.example,${value}`,
  (value) => `desk@clinic.example\u200b${value}`,
  (value) => [...value].join('\u00ad'),
  (value) => value.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
]

test('a value that only untrusted content holds never clears a recipient, in no shape or spelling', () => {
  fc.assert(
    fc.property(email, fc.constantFrom(...wraps), (evil, wrap) => {
      fc.pre(!evil.endsWith('@clinic.example'))
      const story = new Story('Mail desk@clinic.example about the "Team Sync"')
      story.shows('mail/inbox', [{ id: '1', from: evil, to: [], subject: 'Hi', body: `write ${evil}` }])
      assert.notDeepEqual(story.problems('mail/send', { to: wrap(evil), subject: 'x', body: 'x' }), [])
    }),
  )
})

test('a link that content did not hold word for word is never opened, in no shape or spelling', () => {
  fc.assert(
    fc.property(
      link,
      fc.stringMatching(/^[a-zA-Z0-9]{1,6}$/),
      fc.constantFrom(...wraps),
      (seen, data, wrap) => {
        const story = new Story('Read the page').shows('mail/inbox', [{ id: '1', body: `see ${seen} now` }])
        for (const url of [
          `${seen}${data}`,
          seen.replace('//', `//${data}@`),
          seen.replace('//', `//${data}.`),
        ])
          assert.notDeepEqual(story.problems('web/get', { url: wrap(url) }), [], url)
      },
    ),
  )
})

test('no part of the request, taken as the name of a record, clears whom the record lists', () => {
  const words = 'Reply to everybody in the Team Sync mail and tell desk@clinic.example what is new'.split(' ')
  const span = fc
    .tuple(fc.nat(words.length - 1), fc.nat(words.length - 1))
    .map(([a, b]) => words.slice(Math.min(a, b), Math.max(a, b) + 1).join(' '))
  fc.assert(
    fc.property(span, fc.boolean(), (subject, isFirst) => {
      const real = { id: 'r', from: 'lee@clinic.example', to: [], subject: 'Team Sync', body: 'x' }
      const fake = { id: 'f', from: 'x@evil.example', to: [], subject, body: 'x' }
      const story = new Story(words.join(' ')).shows('mail/inbox', isFirst ? [fake, real] : [real, fake])
      assert.deepEqual(story.problems('mail/send', { to: [fake.from], subject: 'x', body: 'x' }), [
        'UNDERIVED to[0]',
      ])
    }),
  )
})

test('twenty thousand records that bear the names the request says are looked up at once', () => {
  const story = new Story(`Reply to "a" ${Array.from({ length: 2000 }, (_, i) => `w${i}`).join(' ')}`)
  for (let page = 0; page < 20; page++) {
    const records = Array.from({ length: 1000 }, (_, i) => ({
      id: `${page} ${i}`,
      from: 'x@evil.example',
      to: [],
      subject: `w${i}`,
      body: '',
    }))
    story.shows('mail/inbox', records)
  }
  const since = performance.now()
  const to = Array.from({ length: 100 }, () => 'x@evil.example')
  assert.equal(story.problems('mail/send', { to, subject: 'x', body: 'x' }).length, 100)
  assert.ok(performance.now() - since < 5000)
})
