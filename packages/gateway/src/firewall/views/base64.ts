import { BASE64 } from '../survey/tables.ts'
import type { Decoder } from './decoder.ts'
import { APART } from './local.ts'
import { readable } from './readable.ts'

const SHORTEST = 16
/** A run begins less than this before it is noticed, and the end of a wrapped one may be too short to be. */
const AROUND = 20
/** A run that is at least so long may have been broken to fit a line; so much of it at least is in the next. */
const LINE = 60
const NEXT = 4

/** Six bits for each character of both alphabets, {@link NONE} for the others. */
const NONE = 64
const SIX_BITS = new Uint8Array(65_536).fill(NONE)
for (const [i, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  SIX_BITS[char.charCodeAt(0)] = i
SIX_BITS['-'.charCodeAt(0)] = 62
SIX_BITS['_'.charCodeAt(0)] = 63

/** Runs in base64, of both alphabets, wrapped or not. Text encodes to letters of both cases; paths and names mostly have one. */
export const base64: Decoder = {
  name: 'base64',
  suspects: (survey) => survey.isFlagged(BASE64),
  decode(survey) {
    const text = survey.pieces(survey.stretches(BASE64, AROUND, AROUND)).join(APART)
    const found: string[] = []
    for (let at = 0; at < text.length; ) {
      const end = endOfRun(text, at)
      if (end - at >= SHORTEST && isMixed(text, at, end)) {
        const said = readable(decoded(text, at, end))
        if (said !== '') found.push(said)
      }
      at = end + 1
    }
    return found.join('\n')
  },
}

function endOfRun(text: string, from: number): number {
  let line = from
  for (;;) {
    const at = endOfLine(text, line)
    const next = at + (text.startsWith('\r\n', at) ? 2 : Number(text[at] === '\n'))
    if (at - line < LINE || next === at || endOfLine(text.slice(next, next + NEXT), 0) < NEXT) return at
    line = next
  }
}

function endOfLine(text: string, from: number): number {
  let at = from
  while (at < text.length && SIX_BITS[text.charCodeAt(at)] !== NONE) at++
  return at
}

/** Has letters of both cases. */
function isMixed(text: string, from: number, to: number): boolean {
  let cases = 0
  for (let at = from; at < to && cases !== 3; at++) {
    const bits = SIX_BITS[text.charCodeAt(at)] as number
    if (bits < 26) cases |= 1
    else if (bits < 52) cases |= 2
  }
  return cases === 3
}

function decoded(text: string, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.floor(((to - from) * 3) / 4))
  let bits = 0
  let count = 0
  let length = 0
  for (let at = from; at < to; at++) {
    const six = SIX_BITS[text.charCodeAt(at)] as number
    if (six === NONE) continue
    bits = ((bits << 6) | six) & 0xffffff
    count += 6
    if (count < 8) continue
    count -= 8
    bytes[length++] = (bits >>> count) & 0xff
  }
  return bytes.subarray(0, length)
}
