import type { Decoder } from './decoder.ts'
import { readable } from './readable.ts'

const RUN = /[A-Za-z0-9+/_-]{16,}/g
/** Where a long run was broken to fit a line. */
const WRAPPED = /(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/]{4})/g

/** Runs in base64, of both alphabets, wrapped or not. */
export const base64: Decoder = {
  name: 'base64',
  suspects: (text) => /[A-Za-z0-9+/_-]{16}/.test(text),
  decode: (text) =>
    (text.replace(WRAPPED, '').match(RUN) ?? [])
      .map((run) => readable(Buffer.from(run, 'base64')))
      .filter((found) => found !== '')
      .join('\n'),
}
