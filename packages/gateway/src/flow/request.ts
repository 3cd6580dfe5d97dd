import type { CanonicalKey } from './canonical.ts'
import { keysOf } from './canonical.ts'
import { entitiesIn } from './entities.ts'

const NUMBER =
  /(?<![\w.,/-])\d{1,3}(?:,\d{3}){1,4}(?:\.\d{1,10})?(?![\w/])|(?<![\w.,/-])\d{1,15}(?:\.\d{1,10})?k?(?![\w/])/gi
const SLASHED = /(?<![\d/])(\d{1,4})\/(\d{1,2})\/(\d{1,4})(?![\d/])/g

/**
 * What a person's words say, also where an argument says it in another spelling: 1,000 and 1000, 98.70 and 98.7, 3/1/2022 and 2022-03-01. A
 * day that can be read in two ways is both: it is the person who wrote it.
 */
export function requestKeys(text: string): readonly CanonicalKey[] {
  const keys = entitiesIn(text).flatMap((entity) => entity.keys)
  for (const [number] of text.matchAll(NUMBER)) {
    const isThousands = /k$/i.test(number)
    const value = Number(number.replace(/[,k]/gi, '')) * (isThousands ? 1000 : 1)
    keys.push(...keysOf(value))
  }
  for (const [, a = '', b = '', c = ''] of text.matchAll(SLASHED)) {
    const days =
      a.length === 4
        ? [[a, b, c]]
        : c.length === 4
          ? [
              [c, a, b],
              [c, b, a],
            ]
          : []
    for (const [year = '', month = '', day = ''] of days)
      if (Number(month) <= 12 && Number(day) <= 31)
        keys.push(...keysOf(`${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`))
  }
  return keys
}
