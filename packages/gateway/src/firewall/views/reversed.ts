import type { Decoder } from './decoder.ts'
import { changeSegments } from './segments.ts'

/** Pairs of letters that are frequent in English one way round only. */
const FORWARD = /th|he|nd|ng|ou|of|ry|ly|qu/gi
const BACKWARD = /ht|eh|dn|gn|uo|fo|yr|yl|uq/gi

/** Text written from its end. */
export const reversed: Decoder = {
  name: 'reversed',
  suspects: (text) => text.length >= 12,
  decode: (text) => changeSegments(text, isBackward, (piece) => [...piece].reverse().join('')),
}

const isBackward = (piece: string): boolean => {
  const backward = piece.match(BACKWARD)?.length ?? 0
  return backward > 1 && backward > (piece.match(FORWARD)?.length ?? 0)
}
