const BASE = { a: 'а', c: 'с', e: 'е', o: 'о', p: 'р', s: 'ѕ', i: 'і' } as Record<string, string>
const LEET = { a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' } as Record<string, string>

const eachOf = (text: string, map: (char: string) => string): string => [...text].map(map).join('')
const bytesOf = (text: string): number[] => [...Buffer.from(text)]

/** Ways to hide a text of ASCII letters and spaces, each named as the decoder that undoes it. Detectors are measured with them. */
export const ENCODERS: Readonly<
  Record<string, readonly [decoder: string, encode: (text: string) => string]>
> = {
  'zero-width': ['disguised letters', (text) => [...text].join('\u200b')],
  'soft hyphen': ['disguised letters', (text) => [...text].join('\u00ad')],
  homoglyphs: ['disguised letters', (text) => eachOf(text, (char) => BASE[char] ?? char)],
  'full width': [
    'disguised letters',
    (text) => eachOf(text, (char) => (char === ' ' ? ' ' : String.fromCharCode(char.charCodeAt(0) + 0xfee0))),
  ],
  bidi: ['disguised letters', (text) => `\u202e${[...text].reverse().join('')}\u202c`],
  ANSI: ['disguised letters', (text) => eachOf(text, (char) => `\u001b[1m${char}`)],
  tags: [
    'tags',
    (text) => `see ${eachOf(text, (char) => String.fromCodePoint(0xe0000 + char.charCodeAt(0)))}`,
  ],
  'variation selectors': [
    'variation selectors',
    (text) =>
      `:)${bytesOf(text)
        .map((byte) => String.fromCodePoint(byte < 16 ? 0xfe00 + byte : 0xe0100 + byte - 16))
        .join('')}`,
  ],
  base64: ['base64', (text) => Buffer.from(text).toString('base64')],
  hexadecimal: ['hexadecimal', (text) => Buffer.from(text).toString('hex')],
  'URL encoding': [
    'URL encoding',
    (text) =>
      bytesOf(text)
        .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
        .join(''),
  ],
  'HTML entities': [
    'HTML entities',
    (text) =>
      bytesOf(text)
        .map((byte) => `&#${byte};`)
        .join(''),
  ],
  escapes: [
    'escapes',
    (text) =>
      bytesOf(text)
        .map((byte) => `\\u${byte.toString(16).padStart(4, '0')}`)
        .join(''),
  ],
  rot13: [
    'rot13',
    (text) =>
      text.replace(/[a-z]/gi, (char) => {
        const base = char < 'a' ? 65 : 97
        return String.fromCharCode(((char.charCodeAt(0) - base + 13) % 26) + base)
      }),
  ],
  leet: ['leet', (text) => eachOf(text, (char) => LEET[char] ?? char)],
  reversed: ['reversed', (text) => [...text].reverse().join('')],
  'letter-spaced': [
    'letter-spaced',
    (text) =>
      text
        .split(' ')
        .map((word) => [...word].join(' '))
        .join('   '),
  ],
}
