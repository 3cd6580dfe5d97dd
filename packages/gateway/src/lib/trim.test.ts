import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { trim, trimEnd } from './trim.ts'

test('what is cut off is what an expression would cut off', () => {
  const marks = new Set('.,')
  fc.assert(
    fc.property(fc.stringMatching(/^[.,a]{0,20}$/), (text) => {
      assert.equal(trimEnd(text, marks), text.replace(/[.,]+$/, ''))
      assert.equal(trim(text, marks), text.replace(/^[.,]+/, '').replace(/[.,]+$/, ''))
    }),
  )
})
