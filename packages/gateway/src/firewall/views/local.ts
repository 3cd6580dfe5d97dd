import type { Survey } from '../survey/survey.ts'

/** Between pieces, so that none seems to go on in the next. */
export const APART = '\n\n\n'
/** What is decoded is read with so much before and after it: a text with little of it costs little. */
const CONTEXT = 350

/** The surroundings of what the pass marked, decoded; those that say nothing else than before are left out. */
export const decodedAround = (survey: Survey, group: number, decode: (piece: string) => string): string =>
  changed(survey.pieces(survey.around(group, CONTEXT, CONTEXT)), decode)

/** Turns the direction of what is after it, at most so much. */
const OVERRIDE = '\u202e'
const TURNED = 4000

/** The segments with a flag and their surroundings, decoded in the same way. */
export const decodedNear = (survey: Survey, flag: number, decode: (piece: string) => string): string =>
  changed(
    survey.pieces(survey.stretches(flag, CONTEXT, survey.text.includes(OVERRIDE) ? TURNED : CONTEXT)),
    decode,
  )

function changed(pieces: readonly string[], decode: (piece: string) => string): string {
  const out: string[] = []
  for (const piece of pieces) {
    const decoded = decode(piece)
    if (decoded !== piece) out.push(decoded)
  }
  return out.join(APART)
}
