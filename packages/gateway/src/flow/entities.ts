import { trimEnd } from '../lib/trim.ts'
import type { CanonicalKey } from './canonical.ts'
import { keysOf, plain } from './canonical.ts'

/** Something in free text that can be acted on: an address, a link, an account, a day. */
export interface Entity {
  readonly kind: 'email' | 'url' | 'account' | 'phone' | 'date'
  readonly text: string
  readonly keys: readonly CanonicalKey[]
}

/** More of them in one text are of no use to a person; where there are so many, the text has not been looked through. */
export const MAX_ENTITIES = 2000

// Each is linear: no part of it can match what the part before it matches.
/** Not a part of one in other letters: `bob@clinic.example` does not stand in `ébob@clinic.example`. */
const EMAIL =
  /(?<![\p{L}\p{N}._%+-])[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}(?![\p{L}\p{N}_-]|\.[\p{L}\p{N}])/giu
const LINK = /(?:https?:\/\/|www\.)[^\s<>"'`)\]}]{3,2000}/gi
/** A host without scheme, as people write it; the endings are those that a client would make a link of. */
const HOST =
  /(?<![@\w.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|net|org|io|co|info|biz|app|dev|ai|xyz|site|online|eu|uk|de|fr|ru|cn|me|link|click|top|ly|gg|example)(?:\/[^\s<>"'`)\]}]{0,500})?(?![\w@-])/gi
const IBAN = /(?<!\w)[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,3})?(?!\w)/gi
const LONG_NUMBER = /(?<![\w.])\d(?:[ -]?\d){7,18}(?![\w])/g
const PHONE = /(?<![\w])\+\d(?:[ ().-]{0,2}\d){6,14}(?!\w)/g
const ISO = /(?<!\d)\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?(?!\d)/g

/** At the end of a link they belong to the sentence. */
const STOPS: ReadonlySet<string> = new Set('.,;:!?')

const MONTHS = 'january february march april may june july august september october november december'.split(
  ' ',
)
const MONTH = `(${MONTHS.map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`).join('|')})\\.?`
const ANY_MONTH = new RegExp(MONTHS.map((name) => name.slice(0, 3)).join('|'), 'i')
const MONTH_FIRST = new RegExp(`(?<!\\w)${MONTH} (\\d{1,2})(?:st|nd|rd|th)?(?:,? (\\d{4}))?(?!\\d)`, 'gi')
const DAY_FIRST = new RegExp(
  `(?<!\\d)(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${MONTH}(?:,? (\\d{4}))?(?!\\d)`,
  'gi',
)

/** Rules and records ask about one text in a row. */
let last: { readonly text: string; readonly found: readonly Entity[] } = { text: '', found: [] }

/** Everything in a text that names somebody, something or some time outside it. Linear in the text. */
export function entitiesIn(text: string): readonly Entity[] {
  if (last.text !== text) last = { text, found: findEntities(text) }
  return last.found
}

function findEntities(text: string): readonly Entity[] {
  const found: Entity[] = []
  const normal = text.normalize('NFKC').replace(/[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]/g, '')
  const known = new Set<string>()
  const add = (kind: Entity['kind'], matched: string, keys: readonly CanonicalKey[]) => {
    if (keys.length === 0 || found.length >= MAX_ENTITIES || keys.every((key) => known.has(key))) return
    for (const key of keys) known.add(key)
    found.push({ kind, text: matched, keys })
  }
  for (const matched of emailsIn(normal)) add('email', matched, only(matched, 'email:'))
  if (/:\/\/|www\./i.test(normal)) {
    for (const [matched] of normal.matchAll(LINK)) {
      const link = trimEnd(matched, STOPS)
      add('url', link, only(link, 'url:'))
    }
  }
  if (/\w\.[a-z]/i.test(normal)) {
    for (const [matched] of normal.matchAll(HOST)) {
      const link = trimEnd(matched, STOPS)
      add('url', link, only(`https://${link}`, 'url:'))
    }
  }
  // All that follows has a digit in it.
  if (!/\d/.test(normal)) return found
  for (const [matched] of normal.matchAll(IBAN)) add('account', matched, only(matched, 'iban:'))
  for (const [matched] of normal.matchAll(LONG_NUMBER)) {
    if (/^\d{4}-\d{2}-\d{2}/.test(matched)) continue
    add('account', matched, [`digits:${matched.replace(/\D/g, '')}`])
  }
  for (const [matched] of normal.matchAll(PHONE))
    add('phone', matched, [`digits:${matched.replace(/\D/g, '')}`])
  for (const [matched] of normal.matchAll(ISO)) add('date', matched, only(matched, 'date:'))
  if (!ANY_MONTH.test(normal)) return found
  for (const [matched, month, day, year] of normal.matchAll(MONTH_FIRST))
    add('date', matched, dayKeys(day, month, year))
  for (const [matched, day, month, year] of normal.matchAll(DAY_FIRST))
    add('date', matched, dayKeys(day, month, year))
  return found
}

/** Longest name before an @ and longest host behind it, with what must not stand beside them. */
const BEFORE = 66
const BEHIND = 600

/** Only what stands around an @ is looked at, and once. */
function* emailsIn(text: string): Iterable<string> {
  let at = text.indexOf('@')
  while (at !== -1) {
    const start = Math.max(0, at - BEFORE)
    let end = at
    while (at !== -1 && at <= end) {
      end = at + BEHIND
      at = text.indexOf('@', at + 1)
    }
    for (const [matched] of text.slice(start, end).matchAll(EMAIL)) yield matched
  }
}

const only = (text: string, prefix: string): CanonicalKey[] =>
  keysOf(text.replace(prefix === 'iban:' ? /[\s-]/g : /^$/, '')).filter((key) => key.startsWith(prefix))

/** A day without a year fits that day of any year. */
function dayKeys(
  day: string | undefined,
  month: string | undefined,
  year: string | undefined,
): CanonicalKey[] {
  const at = MONTHS.findIndex((name) => name.startsWith((month ?? '').slice(0, 3).toLowerCase())) + 1
  const monthDay = `${String(at).padStart(2, '0')}-${String(Number(day)).padStart(2, '0')}`
  return year === undefined ? [`day:${monthDay}`] : [`day:${monthDay}`, `date:${year}-${monthDay}`]
}

const WORD = /[\p{L}\p{N}]/u
/** Nobody says as much of one value. */
const MAX_SAID = 500

/** Whether a text says a value in so many words: as it is, not as part of a longer word or number. */
export const says = (plainText: string, value: string): boolean => !placesOf(plainText, value).next().done

/** Where a text says a value. */
export function* placesOf(plainText: string, value: string): Generator<number> {
  if (value.length > MAX_SAID) return
  const wanted = plain(value)
  if (wanted.length < 2 || wanted.length > MAX_SAID || !WORD.test(wanted)) return
  for (let at = plainText.indexOf(wanted); at !== -1; at = plainText.indexOf(wanted, at + 1)) {
    const before = plainText[at - 1] ?? ' '
    const after = plainText[at + wanted.length] ?? ' '
    const isOpen = WORD.test(wanted[0] as string) && WORD.test(before)
    const isCut = WORD.test(wanted.at(-1) as string) && WORD.test(after)
    // `name@clinic.example` does not say `clinic.example.evil` nor `me@clinic`.
    const isPart =
      /[@.\-_/]/.test(before) ||
      /[@\-_/]/.test(after) ||
      (after === '.' && WORD.test(plainText[at + wanted.length + 1] ?? ' '))
    if (!isOpen && !isCut && !isPart && !isGrouped(plainText, at, wanted)) yield at
  }
}

/** `1,500` says neither 500 nor 1. */
const isGrouped = (plainText: string, at: number, wanted: string): boolean =>
  (/^\d{3}(?!\d)/.test(wanted) && /\d,$/.test(plainText.slice(Math.max(0, at - 2), at))) ||
  (/\d$/.test(wanted) && /^,\d{3}(?!\d)/.test(plainText.slice(at + wanted.length, at + wanted.length + 5)))
