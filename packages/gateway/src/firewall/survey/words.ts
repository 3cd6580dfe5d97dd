import { Automaton } from './automaton.ts'
import * as classes from './classes.ts'
import type { Survey } from './survey.ts'
import * as tables from './tables.ts'
import { NUMBER, VOCABULARY } from './vocabulary.ts'

// Constants of this module are compiled into the loop; what is imported is looked up each time.
const { CLASS, WIDTH } = classes
const { DIGITS, DIGITS_KEPT, MANY_DIGITS } = tables
const automaton = new Automaton(VOCABULARY)
const { firstEnd, next } = automaton

const carried = new Int32Array(2)
const STATE = 0
const DIGITS_SO_FAR = 1

/** @returns the index of the first character with which a word ends or many digits are reached, or `to` */
function readUntilFound(units: Uint16Array, from: number, to: number): number {
  let state = carried[STATE] as number
  let digits = carried[DIGITS_SO_FAR] as number
  let i = from
  for (; i < to; i++) {
    const c = CLASS[units[i] as number] as number
    state = next[state * WIDTH + c] as number
    digits = ((digits & (DIGITS_KEPT[c] as number)) + (DIGITS[c] as number)) | 0
    if (state >= firstEnd || digits >= MANY_DIGITS) break
  }
  carried[STATE] = state
  carried[DIGITS_SO_FAR] = digits
  return i
}

/** Finds the words of the vocabulary, and runs of digits. One text at a time: what is carried is shared. */
export class Words {
  readonly #survey: Survey

  constructor(survey: Survey) {
    this.#survey = survey
    carried.fill(0)
  }

  read(units: Uint16Array, base: number, count: number): void {
    for (let i = readUntilFound(units, 0, count); i < count; i = readUntilFound(units, i + 1, count)) {
      const state = carried[STATE] as number
      if (state >= firstEnd) for (const group of automaton.groupsAt(state)) this.#survey.mark(group, base + i)
      if ((carried[DIGITS_SO_FAR] as number) < MANY_DIGITS) continue
      this.#survey.mark(NUMBER, base + i)
      // Not to be found again until there is another digit.
      carried[DIGITS_SO_FAR] = MANY_DIGITS - 1
    }
  }
}
