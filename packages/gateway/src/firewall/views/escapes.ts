import { AMPERSAND, BACKSLASH } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  colon: ':',
  sol: '/',
  period: '.',
  comma: ',',
  Tab: '\t',
  NewLine: '\n',
}
const ENTITY = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}));?/g
const ESCAPE = /\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/g

const character = (code: number): string => (code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code))

/** Character references of HTML. */
export const entities: Decoder = {
  name: 'HTML entities',
  suspects: (survey) => (survey.has & AMPERSAND) !== 0 && /&#?[A-Za-z0-9]{2}/.test(survey.whole()),
  decode: (survey) =>
    survey.whole().replace(ENTITY, (whole, decimal?: string, hex?: string, name?: string) => {
      if (decimal !== undefined) return character(Number(decimal))
      if (hex !== undefined) return character(Number.parseInt(hex, 16))
      return (Object.hasOwn(NAMED, name as string) && NAMED[name as string]) || whole
    }),
}

/** Escapes of JSON and of programming languages that were not undone. */
export const escapes: Decoder = {
  name: 'escapes',
  suspects: (survey) => (survey.has & BACKSLASH) !== 0 && /\\[ux]/.test(survey.whole()),
  decode: (survey) =>
    survey
      .whole()
      .replace(ESCAPE, (_, braced?: string, four?: string, two?: string) =>
        character(Number.parseInt((braced ?? four ?? two) as string, 16)),
      ),
}
