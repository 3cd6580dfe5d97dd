import type { Detector, Span } from '../detector.ts'
import { isIban, isNhs, isNpi, luhn } from './check-digits.ts'

const NAME = 'personal-data'
const MAX_SPANS = 200

interface Kind {
  readonly name: string
  readonly pattern: RegExp
  readonly isValid?: (text: string) => boolean
}

const digits = (text: string): string => text.replace(/\D/g, '')

/** Each expression has bounded parts and no quantifier inside another; a check digit or a range decides where the form says too little. */
const KINDS: readonly Kind[] = [
  {
    name: 'e-mail address',
    pattern: /(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b/g,
  },
  {
    name: 'payment card',
    pattern:
      /(?<![\w.-])(?:[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|3[47]\d{2}[ -]\d{6}[ -]\d{5}|[2-6]\d{12,18})(?![\w-]|\.\d)/g,
    isValid: (text) =>
      /^(?:4|5[1-5]|2[2-7]|3[47]|6(?:011|4|5))/.test(text) && digits(text).length >= 13 && luhn(text),
  },
  { name: 'IBAN', pattern: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g, isValid: isIban },
  {
    name: 'social security number',
    pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
  },
  {
    name: 'NHS number',
    pattern: /(?<![\d-])\d{3}[ -]\d{3}[ -]\d{4}(?![\d-])|(?<=\bNHS.{0,24}?)\b\d{10}\b/g,
    isValid: isNhs,
  },
  { name: 'NPI', pattern: /(?<=\bNPI.{0,24}?)\b[12]\d{9}\b/g, isValid: isNpi },
  {
    name: 'phone number',
    pattern:
      /(?<![\w+.])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}|\(\d{3}\) ?\d{3}-\d{4}|[2-9]\d{2}-[2-9]\d{2}-\d{4})(?![\w-])/g,
  },
]

/** What identifies a person, by form and check digits. Names are not looked for. */
export const personalData: Detector = {
  name: NAME,
  reads: 'views',
  extent: 'beginning',
  suspects: (text) => text.length >= 6 && /@|\d\D?\d\D?\d\D?\d/.test(text),
  inspect(text) {
    const spans: Span[] = []
    const names: string[] = []
    for (const { name, pattern, isValid } of KINDS) {
      const before = spans.length
      for (const { 0: found, index } of text.matchAll(pattern)) {
        if (spans.length >= MAX_SPANS) break
        if (isValid === undefined || isValid(found)) spans.push({ start: index, end: index + found.length })
      }
      if (spans.length > before) names.push(name)
    }
    return names.length === 0
      ? undefined
      : { detector: NAME, what: names.join(', '), severity: 'note', spans }
  },
}
