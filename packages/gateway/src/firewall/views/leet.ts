import type { Decoder } from './decoder.ts'
import { changeSegments } from './segments.ts'

const LETTER: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
}
/** An address has its sign between letters too, so a sign alone says nothing. */
const MIXED = /[a-z][013457]|[013457][a-z]|[a-z][$!][a-z]/gi
const MEANT = 3
const SIGN = /[013457@$!](?=\w)|(?<=\w)[013457@$]/g

/** Digits and signs for letters. */
export const leet: Decoder = {
  name: 'leet',
  suspects: (text) => /[a-z][013457]|[013457][a-z]|[a-z][$!][a-z]/i.test(text),
  decode: (text) =>
    changeSegments(
      text,
      (piece) => (piece.match(MIXED)?.length ?? 0) >= MEANT,
      (piece) => piece.replace(SIGN, (sign) => LETTER[sign] as string),
    ),
}
