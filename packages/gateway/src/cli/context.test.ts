import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CliContext } from './context.ts'
import { show, table } from './context.ts'

const STEERS = 'a\u001b[2Jb\u009b31mc\u202ed\u200ee\u007ff'

function shown(json: boolean, text: string): string {
  const lines: string[] = []
  show(
    { json, out: (line) => lines.push(line) } as Partial<CliContext> as CliContext,
    'Test',
    { name: STEERS },
    () => text,
  )
  return lines.join('\n')
}

test('attack: what an agent named does not steer the terminal of whoever looks, as text or as JSON', () => {
  const text = JSON.stringify({ name: STEERS }, null, 2)
  for (const out of [shown(false, `${text}\n\t.`), shown(true, ''), table(['n'], [[STEERS]])])
    assert.doesNotMatch(out, /[^\P{C}\n\t]/u)
  assert.match(shown(false, `${text}\n\t.`), /\n\t\.$/)
  assert.equal(JSON.parse(shown(true, '')).name, STEERS)
  assert.equal(table(['n'], [['x\ny']]).split('\n').length, 2)
})
