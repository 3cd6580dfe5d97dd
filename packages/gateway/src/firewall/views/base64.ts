import type { Decoder } from './decoder.ts'
import { readable } from './readable.ts'

const RUN = /[A-Za-z0-9+/_-]{16,}/g
/** Where a long run was broken to fit a line. */
const WRAPPED = /(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/]{4})/g

/** Runs in base64, of both alphabets, wrapped or not. Text encodes to letters of both cases; paths and names mostly have one. */
export const base64: Decoder = {
  name: 'base64',
  suspects: (text) => /[A-Za-z0-9+/_-]{16}/.test(text),
  decode: (text) =>
    (text.replace(WRAPPED, '').match(RUN) ?? [])
      .filter((run) => /[A-Z]/.test(run) && /[a-z]/.test(run))
      .map((run) => readable(Buffer.from(run, 'base64')))
      .filter((found) => found !== '')
      .join('\n'),
}
