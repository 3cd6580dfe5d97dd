/** Letters that look like another, after the one of ASCII they look like. NFKC has folded what it folds before. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  a: 'аɑαᴀꭺ',
  b: 'Ьƅʙвᖯ',
  c: 'сϲᴄꮯ',
  d: 'ԁɗᴅꭰ',
  e: 'еҽɛєᴇꭼε',
  f: 'ƒꞙϝ',
  g: 'ɡցɢԍ',
  h: 'һհʜнꮋ',
  i: 'іıɩɪιꭵ',
  j: 'јϳᴊ',
  k: 'кκᴋҝ',
  l: 'ӏⅼʟǀ',
  m: 'мᴍꮇ',
  n: 'ոռɴպη',
  o: 'оοօᴏσө',
  p: 'рρᴘꮲ',
  q: 'ԛգ',
  r: 'гʀᴦꮁ',
  s: 'ѕꜱꮪ',
  t: 'тτᴛꭲ',
  u: 'սυʋᴜц',
  v: 'νѵᴠꮩ',
  w: 'ԝաᴡѡꮃ',
  x: 'хχ',
  y: 'уүγʏ',
  z: 'ᴢꮓ',
  A: 'АΑᎪ',
  B: 'ВΒᏴ',
  C: 'СϹᏟ',
  D: 'Ꭰ',
  E: 'ЕΕᎬ',
  G: 'ԌᏀ',
  H: 'НΗᎻ',
  I: 'ІΙӀ',
  J: 'ЈᎫ',
  K: 'КΚᏦ',
  L: 'Ꮮ',
  M: 'МΜᎷ',
  N: 'Ν',
  O: 'ОΟՕ',
  P: 'РΡᏢ',
  R: 'Ꭱ',
  S: 'ЅՏᏚ',
  T: 'ТΤᎢ',
  U: 'Ս',
  V: 'Ѵ',
  W: 'ԜᎳ',
  X: 'ХΧ',
  Y: 'УҮΥ',
  Z: 'ΖᏃ',
}

const FOLD = new Map(
  Object.entries(LOOK_ALIKES).flatMap(([letter, alikes]) =>
    [...alikes].map((alike) => [alike, letter] as const),
  ),
)
const ALIKE = `[${[...FOLD.keys()].join('')}]`
const EACH = new RegExp(ALIKE, 'g')
/** A word in two scripts is a disguise; text in Russian or Greek is not. */
const MIXED = new RegExp(`[A-Za-z]${ALIKE}|${ALIKE}[A-Za-z]`)

export const foldConfusables = (text: string): string =>
  MIXED.test(text) ? text.replace(EACH, (char) => FOLD.get(char) ?? char) : text
