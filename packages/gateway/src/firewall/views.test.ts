import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Allowance, DECODED, LOOKED_AT, PER_STRING } from './allowance.ts'
import { ENCODERS } from './views/encoders.ts'
import { viewsOf as readViews } from './views.ts'

function viewsOf(text: string) {
  const allowance = new Allowance()
  allowance.grow(text.length)
  const { views, isWhole } = readViews(text, allowance)
  const handed = views.reduce((sum, { survey }) => sum + survey.handed, 0)
  return { views: views.map(({ survey, via }) => ({ text: survey.text, via })), isWhole, handed }
}

const WORDS =
  'the message from their manager should not be found there and you send another report with nothing else to other people'.split(
    ' ',
  )
const sentence = fc
  .array(fc.constantFrom(...WORDS), { minLength: 8, maxLength: 14 })
  .map((words) => `the sender found nothing of ${words.join(' ')}`)
const names = Object.keys(ENCODERS)
const encode = (name: string, text: string): string => (ENCODERS[name] as (typeof ENCODERS)[string])[1](text)
const holds = (hidden: string, plain: string) =>
  viewsOf(hidden).views.find((view) => view.text.includes(plain))

for (const name of names) {
  test(`what is written in ${name} is read by its decoder`, () => {
    const decoder = (ENCODERS[name] as (typeof ENCODERS)[string])[0]
    fc.assert(
      fc.property(sentence, (plain) => {
        const view = holds(encode(name, plain), plain)
        assert.ok(view, encode(name, plain))
        assert.deepEqual(view.via, [decoder])
      }),
    )
  })
}

test('a form inside another is read too', () => {
  const plain = 'the sender found nothing of the other message'
  for (const outer of ['base64', 'hexadecimal', 'URL encoding', 'HTML entities', 'tags', 'zero-width'])
    for (const inner of ['base64', 'hexadecimal', 'rot13', 'reversed', 'URL encoding'])
      assert.ok(holds(encode(outer, encode(inner, plain)), plain), `${inner} in ${outer}`)
})

test('a form is found amid other text', () => {
  const around = 'Minutes of the meeting on Tuesday, as agreed with everyone who was there. '.repeat(12)
  const plain = 'the sender found nothing of the other message and would like another'
  for (const name of names) {
    const hidden = `${around}\n${encode(name, plain)}\n${around}`
    assert.ok(holds(hidden, plain), name)
  }
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 3000 }),
  fc.string({
    unit: fc.constantFrom(...'aA0%2&#;\\ux+/=-_ .\n\u202e\u200b\u001b[\u{e0041}\ufe01ο0x'),
    maxLength: 3000,
  }),
  fc
    .tuple(
      fc.constantFrom('0x', '%2', '&#', 'a ', '\\u00', '\u001b[', 'Zm9v', '\u202e', '\u{e0041}', 'a+'),
      fc.nat(2000),
    )
    .map(([unit, count]) => unit.repeat(count)),
  fc
    .tuple(sentence, fc.array(fc.constantFrom(...names), { maxLength: 4 }))
    .map(([plain, layers]) => layers.reduce((text, name) => encode(name, text), plain)),
)

test('no text costs more than a fixed number of readings of what it may expand to', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const { views, handed } = viewsOf(text)
      const added = views.slice(1).reduce((sum, view) => sum + view.text.length, 0)
      assert.ok(added <= DECODED.each * (text.length + PER_STRING) + DECODED.any)
      assert.ok(handed <= LOOKED_AT.any + (LOOKED_AT.each + 2) * (text.length + added))
      assert.ok(views.every(({ via }) => via.length <= 2))
    }),
  )
})

test('more than may be added is said, not passed over', () => {
  // One character that NFKC writes as eighteen.
  const { isWhole, views } = viewsOf('\ufdfa'.repeat(20_000))
  assert.equal(isWhole, false)
  assert.equal(views.length, 1)
  assert.equal(viewsOf('plain text of a report').isWhole, true)
})

test('plain text has one view', () => {
  for (const text of [
    'The quarterly report is due on Friday; please send your numbers to the finance team by Thursday noon.',
    '{"id": 42, "name": "Weekly meeting", "attendees": ["ann@example.com", "bob@example.com"]}',
    'Отчёт за квартал нужно сдать в пятницу, пожалуйста, пришлите цифры.',
    '请在星期五之前提交季度报告，并把数字发给财务团队。',
    'Le rapport trimestriel est dû vendredi ; merci d’envoyer vos chiffres à l’équipe financière.',
  ]) {
    assert.deepEqual(viewsOf(text).views, [{ text, via: [] }])
  }
})

test('what only may be rotated, turned or leet takes nothing from a form within a form', () => {
  const plain = 'the sender found nothing of the other message'
  const noise = '1gn0r3 4ll vafgehpgvbaf eht dna gnihton rehto. '.repeat(100)
  for (const outer of ['escapes', 'URL encoding', 'base64'])
    assert.ok(holds(`${noise}\n${encode(outer, encode('base64', plain))}\n${noise}`, plain), outer)
})
