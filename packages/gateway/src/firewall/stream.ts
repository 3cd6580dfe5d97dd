import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { Handling } from './handling.ts'
import { isApart, pieceEnd } from './pieces.ts'
import type { Found, Looking, Scanner } from './scanner.ts'

/** The longest piece, so that what is held is bounded. Of a longer word, half of this is kept back. */
export const LONGEST_PIECE = 4096
/** What was last let out is looked at once more as a whole, each time so many characters have gone by. */
const WINDOW = 1024
const STEP = 512
/** Of a secret with spaces in it, so much is compared. */
const LONGEST_SECRET = 1024
/** Characters a text can do without, once it has been found to hide something among them. */
const INVISIBLE = /[\u200b\u2060-\u2064\ufeff\u180e\u202a-\u202e\u2066-\u2069]/g

interface StreamOptions {
  readonly scanner: Scanner
  /** Secret values by name. */
  secrets(): ReadonlyMap<string, string>
  onFindings(findings: readonly Found[]): void
  /** What the operator wants done with what is found; nothing can be put in its place here, so it only blocks. */
  readonly handling?: Handling | undefined
}

/** Reads one text that comes in parts and gives back what may leave. */
interface StreamGate {
  /** @throws Refusal when what came before must not go on */
  push(text: string): string
  /** @throws Refusal */
  end(): string
}

/** Gates for texts towards an agent, each for one. */
export function streamGates(options: StreamOptions): () => StreamGate {
  let spaced: readonly Spaced[] | undefined
  return () => {
    spaced ??= spacedIn(options.secrets())
    return new Gate(options, spaced)
  }
}

/**
 * The scanner's verdict on a text in parts, the same however it is cut. A piece ends with a word of prose, so that whatever may be one secret
 * written apart is in one (`pieces.ts`); none leaves before it is whole and found clean in every form, so of a secret in a piece not even the
 * beginning leaves. Of a secret with spaces, what may be its beginning is kept back. Forms spread over several words of prose are found in the
 * last 1,024 characters; the text ends there, and what stood before has left. Of a piece beyond 4,096 characters the last 2,048 are kept back.
 * Holds at most 6,144 characters between two calls.
 */
class Gate implements StreamGate {
  readonly #o: StreamOptions
  readonly #spaced: readonly Spaced[]
  readonly #looking: Looking
  /** Not yet a whole piece. */
  #raw = ''
  /** May be the beginning of a secret with spaces. */
  #kept = ''
  #window = ''
  #seen = 0
  #nextLook = STEP
  #hides = false
  #refusal: Reason | undefined

  constructor(options: StreamOptions, spaced: readonly Spaced[]) {
    this.#o = options
    this.#looking = { handling: options.handling }
    this.#spaced = spaced
  }

  push(text: string): string {
    if (this.#refusal) throw new Refusal(this.#refusal)
    let out = ''
    // What is clean before the piece that is not leaves in any case, so that the cuts make no difference.
    for (let at = 0; at < text.length && !this.#refusal; ) {
      const room = LONGEST_PIECE - this.#raw.length
      this.#raw += text.slice(at, at + room)
      at += room
      out += this.#pieces()
    }
    return out
  }

  end(): string {
    if (this.#refusal) throw new Refusal(this.#refusal)
    const out = this.#raw === '' ? '' : this.#passed(this.#raw, this.#raw)
    this.#raw = ''
    if (!this.#refusal && this.#seen > 0) this.#look()
    if (this.#refusal) throw new Refusal(this.#refusal)
    const rest = this.#kept
    this.#kept = ''
    return out + rest
  }

  #pieces(): string {
    let out = ''
    while (!this.#refusal) {
      const end = pieceEnd(this.#raw)
      if (end > 0) {
        out += this.#passed(this.#raw.slice(0, end), this.#raw.slice(0, end))
        this.#raw = this.#raw.slice(end)
      } else if (this.#raw.length >= LONGEST_PIECE) {
        const half = halfOf(this.#raw)
        out += this.#passed(this.#raw, this.#raw.slice(0, half))
        this.#raw = this.#raw.slice(half)
      } else break
    }
    return out
  }

  /** `leaving` of `whole`, if all of it is clean. */
  #passed(whole: string, leaving: string): string {
    const { decision, clean, findings } = this.#o.scanner.scan(whole, 'in', this.#looking)
    if (whole.length > WINDOW) this.#o.onFindings(findings)
    if (decision.verdict.kind === 'deny') return this.#refused(decision.reasons[0])
    this.#window = (this.#window + leaving).slice(-WINDOW)
    this.#seen += leaving.length
    if (this.#seen >= this.#nextLook) {
      this.#nextLook = this.#seen - (this.#seen % STEP) + STEP
      this.#look()
      if (this.#refusal) return ''
    }
    const cleaned = clean ? clean(leaving) : leaving
    return this.#withoutSecrets(this.#hides ? cleaned.replace(INVISIBLE, '') : cleaned)
  }

  #look(): void {
    const { decision, findings } = this.#o.scanner.scan(this.#window, 'in', this.#looking)
    this.#o.onFindings(findings)
    if (decision.verdict.kind === 'deny') this.#refused(decision.reasons[0])
    if (decision.verdict.kind === 'transform') this.#hides = true
  }

  #withoutSecrets(text: string): string {
    if (this.#spaced.length === 0) return text
    const whole = this.#kept + text
    const found = this.#spaced.find(({ value }) => whole.includes(value))
    if (found) return this.#refused(reason('CONTENT_SECRET', { secret: found.name }))
    const keep = Math.max(...this.#spaced.map(({ value }) => begun(whole, value)))
    this.#kept = whole.slice(whole.length - keep)
    return whole.slice(0, whole.length - keep)
  }

  #refused(why: Reason | undefined): '' {
    this.#refusal = why ?? reason('INTERNAL')
    this.#kept = ''
    this.#raw = ''
    return ''
  }
}

interface Spaced {
  readonly name: string
  readonly value: string
}

/** Secrets that are more than one piece. */
const spacedIn = (secrets: ReadonlyMap<string, string>): readonly Spaced[] =>
  [...secrets]
    .map(([name, value]) => ({ name, value: value.slice(0, LONGEST_SECRET) }))
    .filter(({ value }) => value.length >= 8 && isApart(value))

/** How much of the end of `text` is a beginning of `value`. */
function begun(text: string, value: string): number {
  let keep = Math.min(value.length - 1, text.length)
  while (keep > 0 && !value.startsWith(text.slice(text.length - keep))) keep--
  return keep
}

/** Never between the two halves of a character. */
function halfOf(text: string): number {
  const half = LONGEST_PIECE / 2
  const code = text.charCodeAt(half)
  return code >= 0xdc00 && code < 0xe000 ? half - 1 : half
}
