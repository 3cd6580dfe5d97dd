import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../model/json.ts'
import { Story } from './testing.ts'

const clears = (request: string, value: Json): boolean =>
  new Story(request).problems('unlabelled/tool', { value }).length === 0

test('numbers and days may be spelled otherwise than the person did', () => {
  const same: readonly (readonly [string, Json])[] = [
    ['Pay 100.00', 100],
    ['Pay $1,000 please', 1000],
    ['Pay 98.70 now', 98.7],
    ['Pay 3k', 3000],
    ['Set it to 1100.', '1100'],
    ['on the 1st of March 2022', '2022-03-01'],
    ['on 2022/03/01', '2022-03-01'],
    ['on 3/1/2022', '2022-03-01'],
    ['tell the general channel', '#general'],
  ]
  for (const [request, value] of same) assert.ok(clears(request, value), `${request}: ${value}`)
})

test('another number or day is not what the person said', () => {
  const others: readonly (readonly [string, Json])[] = [
    ['Pay 100.00', 1000],
    ['Pay 1,000', 1],
    ['Pay 98.70', 98],
    ['Pay 3k', 30],
    ['on 2022/03/01', '2022-03-02'],
    ['on 13/14/2022', '2022-13-14'],
    ['call 12-34-56', 34],
  ]
  for (const [request, value] of others) assert.ok(!clears(request, value), `${request}: ${value}`)
})
