import type { Decoder } from './decoder.ts'

const RUN = /(?<![A-Za-z0-9])(?:[A-Za-z0-9][ ._*-]{1,3}){6,}[A-Za-z0-9](?![A-Za-z0-9])/g

/** One letter at a time. Words are apart by more than letters are, or run together. */
export const spaced: Decoder = {
  name: 'letter-spaced',
  suspects: (text) => /[ ._*-][A-Za-z0-9][ ._*-]{1,3}[A-Za-z0-9][ ._*-]{1,3}[A-Za-z0-9][ ._*-]/.test(text),
  decode: (text) =>
    (text.match(RUN) ?? [])
      .map((run) => run.replace(/([ ._*-]{1,3})/g, (gap) => (gap.length > 1 ? ' ' : '')))
      .join('\n'),
}
