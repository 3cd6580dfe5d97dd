import { hash } from 'node:crypto'
import { trim } from '../lib/trim.ts'

/** One way in which two spellings mean the same value, e.g. `email:a@b.example`. Equal keys, equal values. */
export type CanonicalKey = string

const EMAIL = /^(?:mailto:)?([^\s@<>"',;:()[\]]{1,64}@[a-z0-9.-]{1,253}\.[a-z]{2,24})$/i
/** `Ann Lee <ann@clinic.example>`; nothing in the name that could be a second address. */
const NAMED = /^"?[^<>@"',;:()[\]\\]{0,80}"? ?<([^<>]{3,320})>$/
/** Host and the rest, without anything in which two readers of a link could see two different hosts. */
const WEB = /^(?:(https?):\/\/|(?=www\.))([^/?#\\@%\s]{1,260})([/?#][^\s\\]{0,2000})?$/i
const OTHER_URI = /^([a-z][a-z0-9+.-]{1,30}):(\S{1,2000})$/i
/** Without the four groups of an address of the internet, which without their dots are another one's too. */
const PHONE = /^(?!\d{1,3}(?:\.\d{1,3}){3}(?!\d))\+?[\d][\d\s().\-/]{5,24}$/
const NUMBER = /^[-+]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,10})?$/
/** Of an id `007` and `7` are two, so what begins with a nought is no number. */
const PADDED = /^[-+]?0\d/
const IBAN = /^[a-z]{2}\d{2}[a-z0-9]{11,30}$/i
const ISO_DATE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:z|[+-]\d{2}:?\d{2})?)?$/i

/** Longer texts are known by their hash, so that many long ones do not fill the memory. */
const MAX_KEPT = 200
const INVISIBLE = /[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]/

/** In all of it nothing has another form. */
const IS_ASCII = /^[\x00-\x7f]*$/
const EDGES: ReadonlySet<string> = new Set(' "\'`“”‘’«»')

/** Text as everybody would read it: compatibility forms, case, spaces and quotes around it do not matter (Unicode NFKC, UAX 15). */
export function plain(text: string): string {
  const shown = IS_ASCII.test(text)
    ? text
    : text.normalize('NFKC').replace(/[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]/g, '')
  const lower = shown.toLowerCase()
  return trim(/\s\s|[^\S ]/.test(lower) ? lower.replace(/\s+/g, ' ') : lower, EDGES)
}

/** Every key of a scalar: always its text, and what it is when it looks like one of the kinds. */
export function keysOf(value: string | number | boolean): readonly CanonicalKey[] {
  if (typeof value === 'number') return [`number:${value}`, `text:${value}`]
  if (typeof value === 'boolean') return [`text:${value}`]
  const text = plain(value)
  const keys = [`text:${text.length > MAX_KEPT ? `#${hash('sha256', text, 'base64url')}` : text}`]
  if (text.length > 2100) return keys
  const email = EMAIL.exec(NAMED.exec(text)?.[1] ?? text)
  if (email) keys.push(`email:${email[1]}`)
  else keys.push(...urlKeys(value.trim()))
  const compact = text.replace(/[\s-]/g, '')
  if (IBAN.test(compact) && isIban(compact)) keys.push(`iban:${compact}`)
  const date = ISO_DATE.exec(text)
  if (date) keys.push(dateKey(date))
  else if (NUMBER.test(text) && !text.startsWith('+') && !PADDED.test(text))
    keys.push(`number:${Number(text.replaceAll(',', ''))}`)
  else if (PHONE.test(text)) {
    const digits = text.replace(/\D/g, '')
    if (digits.length >= 7 && digits.length <= 15) keys.push(`phone:${digits}`)
  }
  return keys
}

/**
 * Without scheme, default port and one slash at the end. All the rest is as it was written, case and fragment too: whatever may be varied
 * can carry data. A link with a name and a password before its host has no key.
 */
function urlKeys(text: string): CanonicalKey[] {
  const web = WEB.exec(text)
  if (web) {
    const [, scheme = 'https', authority, rest = ''] = web
    const host = URL.parse(`${scheme}://${authority}`)?.host.replace(/^www\./, '')
    return host === undefined ? [] : [`url:${host}${rest.replace(/\/$/, '')}`]
  }
  const other = OTHER_URI.exec(text)
  if (!other || /^(?:https?|mailto)$/i.test(other[1] as string)) return []
  return [`url:${other[1]?.toLowerCase()}:${other[2]}`]
}

/** The keys of a link to be opened: nothing in which another spelling is the same, and a host may stand without its scheme. */
export function linkKeys(value: string | number): readonly CanonicalKey[] {
  const text = String(value).trim()
  const keys = urlKeys(text)
  if (keys.length > 0 || text.includes(':')) return keys
  return /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}(?=[/?#]|$)/i.test(text) ? urlKeys(`https://${text}`) : []
}

/** Letters without their marks: `é` is `e`. */
export const unmarked = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '')

/** The letters and digits of a short value with nothing between them, as which it is looked for in texts. */
export function joinedKey(value: string | number | boolean): readonly CanonicalKey[] {
  if (typeof value === 'boolean' || String(value).length > MAX_KEPT) return []
  const joined = unmarked(plain(String(value))).replace(/[^\p{L}\p{N}]/gu, '')
  return joined.length < 5 ? [] : [`joined:${joined}`]
}

/** Whether a value holds characters that look like others or like nothing, which whoever receives it may tell apart. */
export function isDisguised(value: string): boolean {
  const shown = (form: 'NFC' | 'NFKC') => value.normalize(form).replace(/\s+/g, ' ')
  return INVISIBLE.test(value) || shown('NFC') !== shown('NFKC')
}

/** Midnight and no time are the same day. */
function dateKey([, year, month, day, hour, minute]: RegExpExecArray): CanonicalKey {
  const time = hour === undefined || (hour === '00' && minute === '00') ? '' : ` ${hour}:${minute}`
  return `date:${year}-${month}-${day}${time}`
}

/** ISO 13616: the remainder modulo 97 is one. */
function isIban(compact: string): boolean {
  const moved = compact.slice(4) + compact.slice(0, 4)
  let remainder = 0
  for (const char of moved) {
    const code = char.charCodeAt(0)
    const digits = code >= 97 ? String(code - 87) : char
    for (const digit of digits) remainder = (remainder * 10 + Number(digit)) % 97
  }
  return remainder === 1
}
