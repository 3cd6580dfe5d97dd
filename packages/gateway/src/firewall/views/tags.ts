import { HIDDEN } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'

/** Unicode tag characters, each of which stands for one of ASCII that nobody sees. */
export const tags: Decoder = {
  name: 'tags',
  suspects: (survey) => (survey.has & HIDDEN) !== 0 && survey.whole().includes('\udb40'),
  decode: (survey) =>
    (survey.whole().match(/[\u{e0020}-\u{e007e}]+/gu) ?? [])
      .map((run) =>
        [...run].map((tag) => String.fromCharCode((tag.codePointAt(0) as number) - 0xe0000)).join(''),
      )
      .join('\n'),
}
