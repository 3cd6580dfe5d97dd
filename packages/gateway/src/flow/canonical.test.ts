import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keysOf, linkKeys, plain } from './canonical.ts'
import { entitiesIn, says } from './entities.ts'

const same = (a: string | number, b: string | number) => keysOf(a).some((key) => keysOf(b).includes(key))

test('spellings of one value have a key in common', () => {
  for (const [a, b] of [
    ['Desk@Clinic.example', 'mailto:desk@clinic.EXAMPLE'],
    ['desk@clinic.example', 'The Desk <desk@clinic.example>'],
    ['desk@clinic.example', '"The Desk" <Desk@clinic.example>'],
    ['https://www.a.example/x/', 'http://A.example:80/x'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example'],
    ['DE89 3704 0044 0532 0130 00', 'de89370400440532013000'],
    ['+44 (20) 7946-0958', '+442079460958'],
    ['1,234.50', 1234.5],
    ['2025-01-11 00:00', '2025-01-11'],
    ['2025-01-11T09:30:00Z', '2025-01-11 09:30'],
    ['“Team  Sync”', 'team sync'],
    ['ｆｕｌｌ', 'full'],
  ] as const)
    assert.ok(same(a, b), `${a} = ${b}`)
})

test('a link that is opened has no other spelling but that of its host', () => {
  for (const [a, b] of [
    // What may be varied can carry data: one letter each.
    ['https://a.example/x', 'https://a.example/X'],
    ['https://a.example/x', 'https://a.example/x#secret'],
    ['https://a.example/x', 'https://secret:word@a.example/x'],
    ['https://a.example/x', 'https://a.example/x\u200b'],
    ['https://a.example/x', 'https://a.example/ｘ'],
    ['https://a.example/x', 'https://a.example/x///'],
    ['https://a.example/x', 'https://a.example/y/../x'],
    // One reader sees the first host, another the second.
    ['https://a.example', 'https://a.example\\@evil.example/..'],
    ['https://a.example', 'https://a.example%2f@evil.example/..'],
    ['custom://a/x', 'custom://a/X'],
  ] as const)
    assert.ok(!linkKeys(b).some((key) => linkKeys(a).includes(key)), `${a} ≠ ${b}`)
  assert.deepEqual(linkKeys('A.example/x'), linkKeys('https://www.a.example/x/'))
})

test('different values have none', () => {
  for (const [a, b] of [
    ['a@b.example', 'a@b.example.evil.com'],
    ['https://a.example/x', 'https://a.example/x?d=1'],
    ['https://a.example/', 'https://a.example.evil.com/'],
    ['DE89370400440532013000', 'DE89370400440532013001'],
    ['2025-01-11', '2025-11-01'],
    ['12', '120'],
    ['desk@clinic.example', 'desk@clinic.example <x@evil.example>'],
    ['desk@clinic.example', 'x, desk <desk@clinic.example>'],
    ['desk@clinic.example', '<x@evil.example> <desk@clinic.example>'],
    ['007', '7'],
    ['10.12.34.56', '101.23.4.56'],
    ['10.0.0.0/16', '100.0.0.1/6'],
  ] as const)
    assert.ok(!same(a, b), `${a} ≠ ${b}`)
})

test('entities are found in running text', () => {
  const found = entitiesIn(
    'Write to (desk@clinic.example), see https://a.example/b?c=1. or evil.example/x; IBAN DE89 3704 0044 0532 0130 00, call +44 20 7946 0958 on January 11th, 2025 or 12 May.',
  )
  const keys = found.flatMap((entity) => entity.keys)
  for (const key of [
    'email:desk@clinic.example',
    'url:a.example/b?c=1',
    'url:evil.example/x',
    'iban:de89370400440532013000',
    'digits:442079460958',
    'date:2025-01-11',
    'day:05-12',
  ])
    assert.ok(keys.includes(key), `${key} in ${keys.join(' ')}`)
})

test('plain text is the same however often it is made plain, and any text is taken', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = plain(text)
      assert.equal(plain(once), once)
      assert.ok(keysOf(text).length >= 1)
      entitiesIn(text)
    }),
  )
})

test('a text says what stands in it between other words, and never a part of a word', () => {
  const word = fc.string({ unit: fc.constantFrom(...'abcdefgh1'), minLength: 2, maxLength: 8 })
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 6 }),
      word,
      fc.array(word, { maxLength: 6 }),
      (before, value, after) => {
        const text = plain([...before, value, ...after].join(' '))
        assert.ok(says(text, value))
        assert.ok(!says(plain(`x${value}x`), value))
      },
    ),
  )
})

test('hostile texts cost no more than others', () => {
  // Each would take minutes if any expression went back over what it has read.
  for (const piece of ['a', 'a.', 'a@', '1 ', '12-', 'www.', 'http://', 'de89', '2024-01-', 'jan ', 'a-a.'])
    entitiesIn(piece.repeat(50_000))
})

test('text reads the same whatever is around it, and however much of it', () => {
  assert.equal(plain(` "'Ann Lee'" \t`), 'ann lee')
  assert.equal(plain('Ann\n\u00a0 Lee'), 'ann lee')
  assert.equal(plain('\uff21nn'), 'ann')
  // Each of these took minutes when the end of a run was looked for from each of its characters.
  for (const run of ['"'.repeat(300_000), '«'.repeat(300_000), ' "'.repeat(150_000)])
    assert.equal(plain(`a${run}b`).length, run.length + 2)
})
