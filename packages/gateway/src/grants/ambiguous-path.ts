/**
 * True for a text that another reader could take for a path elsewhere: `..` as a segment (also with the dots, blanks or parameters that
 * Windows and servlet containers drop behind it), a NUL, or an encoded dot, slash, backslash or NUL, encoded any number of times.
 */
export function isAmbiguousPath(text: string): boolean {
  // URL parsers drop tabs and line breaks (WHATWG URL), and decoders of old take two bytes too many for one.
  const read = text.replace(/[\t\n\r]/g, '')
  if (CLIMBS.test(read)) return true
  // Some file systems and frameworks normalise, and `．．／` is then `../`.
  return NON_ASCII.test(read) && CLIMBS.test(read.normalize('NFKC'))
}

const CLIMBS = /(^|[/\\])\.\.[. ]*([/\\;?#]|$)|\0|%(25)*(2e|2f|5c|00|09|0a|0d|c0|c1|u00)/i
const NON_ASCII = /[^\0-\x7f]/
