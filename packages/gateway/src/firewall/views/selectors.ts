import { HIDDEN } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { readable } from './readable.ts'

const byteOf = (selector: string): number => {
  const code = selector.codePointAt(0) as number
  return code >= 0xe0100 ? code - 0xe0100 + 16 : code - 0xfe00
}

/** Variation selectors: there are 256, one for each byte. */
export const selectors: Decoder = {
  name: 'variation selectors',
  suspects: (survey) => (survey.has & HIDDEN) !== 0 && /[\ufe00-\ufe0f\udb40]/.test(survey.whole()),
  decode: (survey) =>
    (survey.whole().match(/[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{4,}/gu) ?? [])
      .map((run) => readable(Buffer.from([...run].map(byteOf))))
      .join('\n'),
}
