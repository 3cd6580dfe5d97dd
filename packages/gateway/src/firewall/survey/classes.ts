/** Every UTF-16 code unit is of one of 64 classes, so that tables over pairs of them fit a cache. Case of ASCII letters does not count. */
export const WIDTH = 64

const SPACE = 37
const NEWLINE = 38
/** Space that is a control as well. */
const CONTROL = 61
const DISGUISE = 62
const HIDDEN = 63

/** One class each, in order: letters 1 to 26, digits 27 to 36, then these; those that share an entry share a class. */
const PUNCTUATION = [' ', '\n', '.', '!', '?', '-', '_', '+', '/', '=', '@', '$', '%', '&', '\\', ':']
const MORE = [',()', '*', '#', '<', '>', '|', '[', ']']

const RANGES = (list: string): readonly (readonly [number, number])[] =>
  list.split(' ').map((range) => {
    const [from = '', to = from] = range.split('-')
    return [Number.parseInt(from, 16), Number.parseInt(to, 16)]
  })

/** Other white space than the two of ASCII that are most frequent. */
const SPACES = RANGES('9 d a0 1680 2000-200a 2028 2029 202f 205f 3000')
/** Could disguise, see `views/visible.ts`; of a pair of surrogates, the first. */
const DISGUISES = RANGES(
  '0-8 e-1f 7f-9f ad 180-3ff 400-587 115f 1160 13a0-13ff 17b4 17b5 180b-180f 1d00-1dbf 200b-200f 202a-202e 2060-206f 2100-2188 2460-24ff 2800 3164 a4d0-a7ff ab30-abbf fb00-fdff fe00-fe0f feff ff10-ff19 ff21-ff3a ff41-ff5a ffa0 d835 d83c db40',
)
/** Could hide, see `detectors/hidden-text.ts`. */
const HIDES = RANGES(
  'ad 34f 61c 115f 1160 17b4 17b5 180b-180f 200b-200f 202a-202e 2060-206f 3164 fe00-fe0f feff ffa0 d82f db40',
)

export const CLASS = new Uint8Array(65_536)
for (let i = 0; i < 26; i++) CLASS[97 + i] = CLASS[65 + i] = 1 + i
for (let i = 0; i < 10; i++) CLASS[48 + i] = 27 + i
for (const [i, chars] of [...PUNCTUATION, ...MORE].entries())
  for (const char of chars) CLASS[char.charCodeAt(0)] = SPACE + i
const assign = (ranges: typeof SPACES, to: number) => {
  for (const [from, last] of ranges) CLASS.fill(to, from, last + 1)
}
assign(SPACES, SPACE)
assign(DISGUISES, DISGUISE)
assign(RANGES('b-c'), CONTROL)
assign(HIDES, HIDDEN)

export const classOf = (char: string): number => CLASS[char.charCodeAt(0)] as number
export const isLetter = (c: number): boolean => c >= 1 && c <= 26
export const isDigit = (c: number): boolean => c >= 27 && c <= 36
export const isAlphanumeric = (c: number): boolean => c >= 1 && c <= 36
export const isSpace = (c: number): boolean => c === SPACE || c === NEWLINE || c === CONTROL
/** White space that is not the end of a line. */
export const isBlank = (c: number): boolean => c === SPACE || c === CONTROL
export const isHidden = (c: number): boolean => c === HIDDEN
export const isDisguise = (c: number): boolean => c === DISGUISE || c === HIDDEN || c === CONTROL
export const among = (chars: string): ((c: number) => boolean) => {
  const set = new Set([...chars].map(classOf))
  return (c) => set.has(c)
}
