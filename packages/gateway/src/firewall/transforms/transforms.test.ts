import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mask, redact, spotlight, tokenise } from './transforms.ts'

const TEXT = 'card 4539148803436467 of Ana'
const SPAN = [{ start: 5, end: 21 }]

test('what was found is removed, masked, replaced or marked, and the rest stays', () => {
  assert.equal(redact(TEXT, SPAN, 'payment card'), 'card [payment card removed] of Ana')
  assert.equal(mask(TEXT, SPAN), 'card ************6467 of Ana')
  assert.equal(
    tokenise(TEXT, SPAN, () => 'T1'),
    'card T1 of Ana',
  )
  assert.equal(spotlight('a k1 b', [{ start: 0, end: 6 }], 'k1'), '<data-k1>a  b</data-k1>')
  assert.equal(spotlight('a kk11 b', [{ start: 0, end: 8 }], 'k1'), '<data-k1>a  b</data-k1>')
})

test('nothing of any span is left, however spans overlap', () => {
  const span = fc
    .tuple(fc.nat(30), fc.nat(30))
    .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }))
  fc.assert(
    fc.property(fc.array(span, { maxLength: 6 }), (spans) => {
      const text = Array.from({ length: 30 }, (_, i) => String.fromCharCode(0x4e00 + i)).join('')
      const left = redact(text, spans, '')
      for (const [i, char] of [...text].entries()) {
        const isIn = spans.some(({ start, end }) => i >= start && i < end)
        assert.equal(left.includes(char), !isIn)
      }
    }),
  )
})
