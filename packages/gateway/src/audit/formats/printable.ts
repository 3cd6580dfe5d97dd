/** Everything that some reader of lines takes for the end of one, and what steers terminals: controls, U+2028 and U+2029, format characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** For formats that cannot say such characters. */
export const printable = (text: string): string => text.toWellFormed().replace(UNPRINTABLE, '\ufffd')

/** JSON of the same value in printable ASCII, so that it is one line in everybody's eyes and needs no word about its encoding. */
export const jsonLine = (value: object): string =>
  JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** At most so many octets of UTF-8, printable; what was cut off is shown by an ellipsis. */
export function short(text: string, octets: number): string {
  const clean = printable(text.slice(0, octets))
  if (clean.length === text.length && Buffer.byteLength(clean) <= octets) return clean
  let kept = ''
  let size = Buffer.byteLength('…')
  for (const char of clean) {
    size += Buffer.byteLength(char)
    if (size > octets) break
    kept += char
  }
  return `${kept}…`
}
