/** A `traceparent`, read: W3C Trace Context level 2, section 3.2. */
export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits, not all zero: the span of whoever sent it. */
  readonly spanId: string
  readonly isSampled: boolean
  /** The trace id is random (level 2), so that samplers may go by it. */
  readonly isRandom: boolean
}

export interface Member {
  readonly key: string
  /** The member as it is sent, without the white space around it. */
  readonly text: string
}

const VERSION_00 = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
/** A version that is not known yet may go on after the flags, with a hyphen. */
const LATER = /^(?!ff|00)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-[\x21-\x7e]*)?$/
const LONGEST_PARENT = 512
const ZEROES = /^0+$/
/** Bits of the flags; all others are unknown and not sent on. */
const SAMPLED = 1
const RANDOM = 2

/** Undefined for anything that is not exactly one `traceparent`: then there is none. */
export function parseTraceparent(value: unknown): TraceParent | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_PARENT) return undefined
  const text = trimmed(value)
  const match = VERSION_00.exec(text) ?? LATER.exec(text)
  if (!match) return undefined
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string]
  if (ZEROES.test(traceId) || ZEROES.test(spanId)) return undefined
  const bits = Number.parseInt(flags, 16)
  return { traceId, spanId, isSampled: (bits & SAMPLED) !== 0, isRandom: (bits & RANDOM) !== 0 }
}

export const formatTraceparent = ({ traceId, spanId, isSampled, isRandom }: TraceParent): string =>
  `00-${traceId}-${spanId}-0${(isSampled ? SAMPLED : 0) | (isRandom ? RANDOM : 0)}`

const STATE_KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const STATE_VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const MOST_STATES = 32
const LONGEST_STATE = 8192

/** The members of a `tracestate` (section 3.3), in order; undefined when any is malformed, since then all are discarded. */
export function parseTracestate(value: unknown): readonly Member[] | undefined {
  return parseList(value, LONGEST_STATE, MOST_STATES, (text) => {
    const at = text.indexOf('=')
    const key = text.slice(0, at)
    return at > 0 && STATE_KEY.test(key) && STATE_VALUE.test(text.slice(at + 1)) ? key : undefined
  })
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}"
const BAGGAGE_OCTET = '[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]'
/** No white space can be matched in two ways, or an agent could have all the ways tried. */
const BAGGAGE_VALUE = `[ \\t]*(?:${BAGGAGE_OCTET}+[ \\t]*)?`
const BAGGAGE_MEMBER = new RegExp(
  `^(${TOKEN})[ \\t]*=${BAGGAGE_VALUE}(?:;[ \\t]*${TOKEN}[ \\t]*(?:=${BAGGAGE_VALUE})?)*$`,
)
const MOST_BAGGAGE = 64
const LONGEST_BAGGAGE = 8192

/** The members of a `baggage` (W3C Baggage section 3.3), in order; undefined when any is malformed. */
export function parseBaggage(value: unknown): readonly Member[] | undefined {
  return parseList(value, LONGEST_BAGGAGE, MOST_BAGGAGE, (text) => BAGGAGE_MEMBER.exec(text)?.[1])
}

/** No key twice: which of the two is meant would be up to the reader. */
function parseList(
  value: unknown,
  longest: number,
  most: number,
  keyOf: (text: string) => string | undefined,
): readonly Member[] | undefined {
  if (typeof value !== 'string' || value.length > longest) return undefined
  const members: Member[] = []
  const keys = new Set<string>()
  for (const part of value.split(',')) {
    const text = trimmed(part)
    if (text === '') continue
    const key = keyOf(text)
    if (key === undefined || keys.has(key) || members.length === most) return undefined
    keys.add(key)
    members.push({ key, text })
  }
  return members
}

/** Without the optional white space of RFC 9110 section 5.6.3. */
function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09
