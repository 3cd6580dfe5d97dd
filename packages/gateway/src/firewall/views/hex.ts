import type { Decoder } from './decoder.ts'
import { readable } from './readable.ts'

/** Pairs of digits, with or without a prefix and something between them. */
const RUN = /(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,-]{0,2}){12,}/g

export const hex: Decoder = {
  name: 'hexadecimal',
  suspects: (text) => /(?:[0-9a-fA-F]{2}[\s:,-]{0,2}(?:0x|\\x)?){11}[0-9a-fA-F]{2}/.test(text),
  decode: (text) =>
    (text.match(RUN) ?? [])
      .map((run) => readable(Buffer.from(run.replace(/0x|\\x|[\s:,-]/g, ''), 'hex')))
      .filter((found) => found !== '')
      .join('\n'),
}
