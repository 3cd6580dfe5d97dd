import { timingSafeEqual } from 'node:crypto'

/** Compares in constant time for equal lengths; different lengths are simply different. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)
