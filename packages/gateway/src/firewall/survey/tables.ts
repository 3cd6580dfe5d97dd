import {
  among,
  classOf,
  isAlphanumeric,
  isBlank,
  isDigit,
  isDisguise,
  isHidden,
  isLetter,
  isSpace,
  WIDTH,
} from './classes.ts'

/** What a text has somewhere; bits of `Survey.has`. */
export const HIDDEN = 1
export const DISGUISE = 2

/** What a stretch of a text may be; flags of a segment. The first four are runs of characters, counted side by side in one number. */
export const BASE64 = 1
export const LONG_NAME = 2
export const HEX = 4
export const SPACED = 8
export const ROTATED = 16
export const LEET = 32
export const BACKWARD = 64
export const DISGUISED = 128

/** Every count of a run is in a byte of its own; at 64 this is halved, so that none carries into the next. */
export const FULL = 0x40404040
/** Added to the counts, sets the bit of {@link FULL} for those that are long enough: 16, 34, 24 digits, 7 letters. */
export const REACH = (64 - 16) | ((64 - 34) << 8) | ((64 - 24) << 16) | ((64 - 7) << 24)
/** Digits after which a run of them with little between is one that identifies. A plus sign counts as one. */
export const MANY_DIGITS = 9

const CLASSES = [...Array(WIDTH).keys()]
const byClass = (value: (c: number) => number): Int32Array => Int32Array.from(CLASSES, value)
const byPair = (value: (before: number, c: number) => number): Int32Array =>
  Int32Array.from(CLASSES.flatMap((before) => CLASSES.map((c) => value(before, c))))

export const HAS = byClass((c) => (isHidden(c) ? HIDDEN : 0) | (isDisguise(c) ? DISGUISE : 0))

const isBase64Sign = among('+/_-')
const inBase64 = (c: number): boolean => isAlphanumeric(c) || isBase64Sign(c)
const isNameSign = among('_.=+-')
const inName = (c: number): boolean => isAlphanumeric(c) || isNameSign(c)
const isHexDigit = (c: number): boolean => isDigit(c) || (c >= 1 && c <= 6)
const isHexSign = among('x\\:,-')
const betweenHex = (c: number): boolean => isSpace(c) || isHexSign(c)
const betweenLetters = among(' ._*-')

const bytes = (a: boolean, b: boolean, c: boolean, d: boolean, value: number): number =>
  (a ? value : 0) | (b ? value << 8 : 0) | (c ? value << 16 : 0) | (d ? value << 24 : 0)

/** Which counts go on, and which of them by one. */
export const KEEP = byPair((before, c) =>
  bytes(
    inBase64(c),
    inName(c),
    isHexDigit(c) || betweenHex(c),
    betweenLetters(c) || (isAlphanumeric(c) && betweenLetters(before)),
    0x7f,
  ),
)
export const ADD = byPair((before, c) =>
  bytes(inBase64(c), inName(c), isHexDigit(c), isAlphanumeric(c) && !isAlphanumeric(before), 1),
)

const isPlus = among('+')
const betweenDigits = among(' .-(')
export const DIGITS = byClass((c) => Number(isDigit(c) || isPlus(c)))
/** All bits, where a run of digits goes on. */
export const DIGITS_KEPT = byClass((c) => -Number(isDigit(c) || isPlus(c) || betweenDigits(c) || isBlank(c)))

/**
 * How much more frequent a letter is in English than the one 13 places on, in tenths of a natural logarithm: a to m; n to z is the
 * reverse.
 */
const LEAD = [2, -16, 4, 38, 8, -10, -15, 8, 19, -28, 16, 7, 35]
const leadOf = (letter: number): number =>
  letter < 13 ? (LEAD[letter] as number) : -(LEAD[letter - 13] as number)
/** By how much the letters of a rotated text lag on average. */
export const MEANT_ROTATED = 3
/** Pairs that make leet of a segment. */
export const MEANT_LEET = 3
/** Makes every lead positive. */
export const LEAD_BASE = 38
/** Letters in the lower ten bits, their leads above. */
export const LETTERS = byClass((c) => (isLetter(c) ? 1 | ((leadOf(c - 1) + LEAD_BASE) << 10) : 0))

/** Pairs of letters that are frequent in English one way round only. */
const FORWARD_PAIRS = ['th', 'he', 'nd', 'ng', 'ou', 'of', 'ry', 'ly', 'qu']
const BACKWARD_PAIRS = FORWARD_PAIRS.map((pair) => `${pair[1]}${pair[0]}`)
const NEWLINE = classOf('\n')
const isPairOf = (pairs: readonly string[], before: number, c: number): boolean =>
  pairs.includes(String.fromCharCode(96 + before, 96 + c))
const isLeetDigit = among('013457')
const isLeetSign = among('$!')
const endsSentence = among('.!?')

/** The loop looks up from its table: the end of a segment, or what may begin an account number. */
export const EVENT = 2 ** 30
/** In nine bits each: pairs of a letter with a sign of leet, then of {@link BACKWARD_PAIRS}, then of {@link FORWARD_PAIRS}. */
export const PAIRS = byPair((before, c) => {
  const isLeet =
    (isLetter(before) && (isLeetDigit(c) || isLeetSign(c))) || (isLeetDigit(before) && isLetter(c))
  const isEvent = c === NEWLINE || (endsSentence(before) && isSpace(c)) || (isLetter(before) && isDigit(c))
  return (
    Number(isLeet) |
    (Number(isPairOf(BACKWARD_PAIRS, before, c)) << 9) |
    (Number(isPairOf(FORWARD_PAIRS, before, c)) << 18) |
    (isEvent ? EVENT : 0)
  )
})
