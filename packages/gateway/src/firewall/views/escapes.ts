import { BACKSLASHES, groupOf, REFERENCES } from '../survey/vocabulary.ts'
import type { Decoder } from './decoder.ts'
import { decodedAround } from './local.ts'

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

const REFERENCE = groupOf(REFERENCES)
const BACKSLASH = groupOf(BACKSLASHES)

/** Character references of HTML. */
export const entities: Decoder = {
  name: 'HTML entities',
  suspects: (survey) => survey.met(REFERENCE),
  decode: (survey) => decodedAround(survey, REFERENCE, (piece) => piece.replace(ENTITY, referred)),
}

function referred(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (decimal !== undefined) return character(Number(decimal))
  if (hex !== undefined) return character(Number.parseInt(hex, 16))
  return (Object.hasOwn(NAMED, name as string) && NAMED[name as string]) || whole
}

/** Escapes of JSON and of programming languages that were not undone. */
export const escapes: Decoder = {
  name: 'escapes',
  suspects: (survey) => survey.met(BACKSLASH),
  decode: (survey) => decodedAround(survey, BACKSLASH, (piece) => piece.replace(ESCAPE, escaped)),
}

const escaped = (_: string, braced?: string, four?: string, two?: string): string =>
  character(Number.parseInt((braced ?? four ?? two) as string, 16))
