/** One way in which two spellings mean the same value, e.g. `email:a@b.example`. Equal keys, equal values. */
export type CanonicalKey = string

const EMAIL = /^(?:mailto:)?([^\s@<>"',;:()[\]]{1,64}@[a-z0-9.-]{1,253}\.[a-z]{2,24})$/i
const URL_LIKE = /^(?:https?:\/\/|www\.)\S{1,2000}$/i
const PHONE = /^\+?[\d][\d\s().\-/]{5,24}$/
const NUMBER = /^[-+]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,10})?$/
const IBAN = /^[a-z]{2}\d{2}[a-z0-9]{11,30}$/i
const ISO_DATE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:z|[+-]\d{2}:?\d{2})?)?$/i

/** Text as everybody would read it: compatibility forms, case, spaces and quotes around it do not matter (Unicode NFKC, UAX 15). */
export function plain(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]/g, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
    .replace(/^[\s"'`“”‘’«»]+|[\s"'`“”‘’«»]+$/g, '')
}

/** Every key of a scalar: always its text, and what it is when it looks like one of the kinds. */
export function keysOf(value: string | number | boolean): readonly CanonicalKey[] {
  if (typeof value === 'number') return [`number:${value}`, `text:${value}`]
  if (typeof value === 'boolean') return [`text:${value}`]
  const text = plain(value)
  const keys = [`text:${text}`]
  if (text.length > 2100) return keys
  const email = EMAIL.exec(text)
  if (email) keys.push(`email:${email[1]}`)
  else if (URL_LIKE.test(text)) keys.push(...urlKeys(text))
  const compact = text.replace(/[\s-]/g, '')
  if (IBAN.test(compact) && isIban(compact)) keys.push(`iban:${compact}`)
  const date = ISO_DATE.exec(text)
  if (date) keys.push(dateKey(date))
  else if (NUMBER.test(text) && !text.startsWith('+')) keys.push(`number:${Number(text.replaceAll(',', ''))}`)
  else if (PHONE.test(text)) {
    const digits = text.replace(/\D/g, '')
    if (digits.length >= 7 && digits.length <= 15) keys.push(`phone:${digits}`)
  }
  return keys
}

/** Without scheme, default port, trailing slash and fragment; path and query are as they are, since they can carry data. */
function urlKeys(text: string): CanonicalKey[] {
  const url = URL.parse(text.startsWith('www.') ? `https://${text}` : text)
  if (!url) return []
  const host = url.host.replace(/^www\./, '')
  return [`url:${host}${url.pathname.replace(/\/+$/, '')}${url.search}`]
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
