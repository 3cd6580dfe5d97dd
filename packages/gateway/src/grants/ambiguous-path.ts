/**
 * True for a text that another reader could take for a path elsewhere: `..` as a segment (also with the dots, blanks or parameters that
 * Windows and servlet containers drop behind it), a NUL, or an encoded dot, slash, backslash or NUL, encoded any number of times.
 */
export const isAmbiguousPath = (text: string): boolean =>
  /(^|[/\\])\.\.[. ]*([/\\;?#]|$)|\0|%(25)*(2e|2f|5c|00)/i.test(text)
