import * as classes from './classes.ts'
import type { Survey } from './survey.ts'
import * as tables from './tables.ts'
import { ACCOUNT } from './vocabulary.ts'

// Constants of this module are compiled into the loop; what is imported is looked up each time.
const { CLASS, isDigit, WIDTH } = classes
const { ADD, EVENT, FULL, HAS, KEEP, LETTERS, PAIRS, REACH } = tables

/** A segment is a sentence or a line, but no longer than this: then it ends at a word, or anywhere. */
const SEGMENT = 200

/** What is carried from one character to the next, in memory that is used again. */
const carried = new Int32Array(6)
const BEFORE = 0
const RUN = 1
const REACHED = 2
const HAS_SO_FAR = 3
const LETTERS_SO_FAR = 4
const PAIRS_SO_FAR = 5

/**
 * Reads until something happens. The one loop that all content passes: the numbers are kept in 32 bits, in which they fit, so that none is
 * checked for more.
 * @returns the index of the event, or `to`
 */
function readUntilEvent(units: Uint16Array, from: number, to: number): number {
  let before = carried[BEFORE] as number
  let run = carried[RUN] as number
  let reached = carried[REACHED] as number
  let has = carried[HAS_SO_FAR] as number
  let letters = carried[LETTERS_SO_FAR] as number
  let pairs = carried[PAIRS_SO_FAR] as number
  let i = from
  for (; i < to; i++) {
    const c = CLASS[units[i] as number] as number
    const pair = before * WIDTH + c
    before = c
    has |= HAS[c] as number
    letters = (letters + (LETTERS[c] as number)) | 0
    run = ((run & (KEEP[pair] as number)) + (ADD[pair] as number)) | 0
    reached |= (run + REACH) | 0
    run = (run - ((run & FULL) >>> 1)) | 0
    const both = PAIRS[pair] as number
    pairs = (pairs + (both & (EVENT - 1))) | 0
    if (both >= EVENT) break
  }
  carried[BEFORE] = before
  carried[RUN] = run
  carried[REACHED] = reached
  carried[HAS_SO_FAR] = has
  carried[LETTERS_SO_FAR] = letters
  carried[PAIRS_SO_FAR] = pairs
  return i
}

/** Finds the segments of a text that could be in a form that decoders read. One at a time: what is carried is shared. */
export class Forms {
  readonly #survey: Survey
  #from = 0

  constructor(survey: Survey) {
    this.#survey = survey
    carried.fill(0)
    carried[BEFORE] = classes.classOf('\n')
  }

  read(units: Uint16Array, base: number, count: number): void {
    for (let i = 0; i < count; ) {
      const last = this.#from + SEGMENT - base
      const found = readUntilEvent(units, i, Math.min(count, last))
      i = found
      if (found === count) break
      if (found < last) {
        i++
        if (!isDigit(carried[BEFORE] as number)) this.#close(base + i, true)
        else if (isAccount(this.#survey.text, base + i)) this.#survey.mark(ACCOUNT, base + found)
      }
      if (i === last && this.#from + SEGMENT === base + i) this.#close(base + i, false)
    }
  }

  end(): void {
    const { text } = this.#survey
    if (this.#from < text.length) this.#close(text.length, true)
  }

  /** What is cut off a segment that is too long begins the next. */
  #close(at: number, isEnd: boolean): void {
    const { text } = this.#survey
    const end = isEnd ? at : cutOf(text, this.#from, at)
    this.#survey.has |= carried[HAS_SO_FAR] as number
    this.#survey.addSegment(this.#from, end, flags())
    carried[HAS_SO_FAR] = 0
    this.#from = end
    carried[REACHED] = 0
    let letters = 0
    let pairs = 0
    for (let i = end; i < at; i++) {
      const c = classAt(text, i)
      letters += LETTERS[c] as number
      pairs += (PAIRS[classAt(text, i - 1) * WIDTH + c] as number) & (EVENT - 1)
    }
    carried[LETTERS_SO_FAR] = letters
    carried[PAIRS_SO_FAR] = pairs
  }
}

const classAt = (text: string, at: number): number => CLASS[text.charCodeAt(at)] as number

/** Two capitals and two digits: the second capital is two before `at`. */
const isAccount = (text: string, at: number): boolean =>
  isCapital(text, at - 3) && isCapital(text, at - 2) && isDigit(classAt(text, at))

const isCapital = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at)
  return code >= 65 && code <= 90
}

/** After the last space in the second half of what is too long. */
function cutOf(text: string, from: number, at: number): number {
  if (at === text.length) return at
  for (let end = at; end > from + SEGMENT / 2 + 1; end--) if (text.charCodeAt(end - 1) === 32) return end
  return at
}

function flags(): number {
  const reached = carried[REACHED] as number
  const letters = carried[LETTERS_SO_FAR] as number
  const pairs = carried[PAIRS_SO_FAR] as number
  const count = letters & 0x3ff
  const backward = (pairs >>> 9) & 0x1ff
  const forward = (pairs >>> 18) & 0x1ff
  return (
    (reached & 0x40 ? tables.BASE64 : 0) |
    (reached & 0x4000 ? tables.LONG_NAME : 0) |
    (reached & 0x400000 ? tables.HEX : 0) |
    (reached & 0x40000000 ? tables.SPACED : 0) |
    (count >= 10 && letters >>> 10 < (tables.LEAD_BASE - tables.MEANT_ROTATED) * count ? tables.ROTATED : 0) |
    ((pairs & 0x1ff) >= tables.MEANT_LEET ? tables.LEET : 0) |
    ((carried[HAS_SO_FAR] as number) & tables.DISGUISE ? tables.DISGUISED : 0) |
    (backward > 1 && backward > forward ? tables.BACKWARD : 0)
  )
}
