import type { Detector, Span } from '../detector.ts'
import { among, CLASS, isAlphanumeric } from '../survey/classes.ts'
import type { Survey } from '../survey/survey.ts'
import { ACCOUNT, AT_SIGN, groupOf, NUMBER } from '../survey/vocabulary.ts'
import { isIban, isNhs, isNpi, luhn } from './check-digits.ts'

const NAME = 'personal-data'
const MAIL = 'e-mail address'
const MAX_SPANS = 10_000

interface Kind {
  readonly name: string
  /** Where to look: what the pass marks in it, and how far before and after that it can be. */
  readonly near: { readonly group: number; readonly before: number; readonly after: number }
  readonly pattern: RegExp
  readonly isValid?: (text: string) => boolean
}

const SIGN = groupOf(AT_SIGN)
const DIGITS = { group: NUMBER, before: 60, after: 10 }
const LETTERED = { group: ACCOUNT, before: 4, after: 60 }
const GROUPS = [SIGN, DIGITS.group, LETTERED.group]

/** From the sign on; what is before it is looked at from there. */
const DOMAIN = /@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b/y
const MAILBOX = /^[A-Za-z0-9][\w.+-]{0,63}$/
const LONGEST_MAILBOX = 64

const digits = (text: string): string => text.replace(/\D/g, '')

/** Each expression has bounded parts and no quantifier inside another; a check digit or a range decides where the form says too little. */
const KINDS: readonly Kind[] = [
  {
    name: 'payment card',
    near: DIGITS,
    pattern:
      /(?<![\w.-])(?:[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|3[47]\d{2}[ -]\d{6}[ -]\d{5}|[2-6]\d{12,18})(?![\w-]|\.\d)/g,
    isValid: (text) =>
      /^(?:4|5[1-5]|2[2-7]|3[47]|6(?:011|4|5))/.test(text) && digits(text).length >= 13 && luhn(text),
  },
  {
    name: 'IBAN',
    near: LETTERED,
    pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g,
    isValid: isIban,
  },
  {
    name: 'social security number',
    near: DIGITS,
    pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
  },
  {
    name: 'NHS number',
    near: DIGITS,
    pattern: /(?<![\d-])\d{3}[ -]\d{3}[ -]\d{4}(?![\d-])|\b\d{10}\b(?<=\bNHS.{0,24}?\d{10})/g,
    isValid: isNhs,
  },
  { name: 'NPI', near: DIGITS, pattern: /\b[12]\d{9}\b(?<=\bNPI.{0,24}?\d{10})/g, isValid: isNpi },
  {
    name: 'phone number',
    near: DIGITS,
    pattern:
      /(?<![\w+.])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}|\(\d{3}\) ?\d{3}-\d{4}|[2-9]\d{2}-[2-9]\d{2}-\d{4})(?![\w-])/g,
  },
]

/** What identifies a person, by form and check digits. Names are not looked for. */
export const personalData: Detector = {
  name: NAME,
  reads: 'views',
  isPass: false,
  suspects: (survey) => GROUPS.some((group) => survey.met(group)),
  inspect(survey) {
    const spans: Span[] = []
    const names: string[] = []
    if (survey.met(SIGN)) {
      for (const span of mailboxes(survey)) if (spans.length < MAX_SPANS) spans.push(span)
      if (spans.length > 0) names.push(MAIL)
    }
    for (const { name, near, ...form } of KINDS) {
      const before = spans.length
      for (const { start, end } of survey.around(near.group, near.before, near.after)) {
        if (spans.length >= MAX_SPANS) break
        for (const span of matches(form, survey.text.slice(start, end), start))
          spans.push({ ...span, kind: name })
      }
      if (spans.length > before) names.push(name)
    }
    return names.length === 0
      ? undefined
      : { detector: NAME, what: names.join(', '), severity: 'note', spans }
  },
}

function* matches(
  { pattern, isValid }: Pick<Kind, 'pattern' | 'isValid'>,
  text: string,
  at: number,
): Iterable<Span> {
  for (const { 0: found, index } of text.matchAll(pattern))
    if (isValid === undefined || isValid(found)) yield { start: at + index, end: at + index + found.length }
}

/** Around each sign: what can be a mailbox goes back to where something else is, and is not longer than one. */
function* mailboxes(survey: Survey): Iterable<Span> {
  const { text } = survey
  let last = 0
  for (const { start, end } of survey.around(SIGN, 0, 1)) {
    for (let sign = text.indexOf('@', start); sign >= 0 && sign < end; sign = text.indexOf('@', sign + 1)) {
      // Most signs are not followed by a domain, which is told sooner than what is before them.
      DOMAIN.lastIndex = sign
      const domain = DOMAIN.exec(text)?.[0]
      if (domain === undefined) continue
      let from = sign
      while (from > last && sign - from <= LONGEST_MAILBOX && inMailbox(text.charCodeAt(from - 1))) from--
      last = sign + 1
      if (MAILBOX.test(text.slice(from, sign))) yield { start: from, end: sign + domain.length, kind: MAIL }
    }
  }
}

const inMailbox = (code: number): boolean =>
  isAlphanumeric(CLASS[code] as number) || isMailboxSign(CLASS[code] as number)
const isMailboxSign = among('_.+-')
