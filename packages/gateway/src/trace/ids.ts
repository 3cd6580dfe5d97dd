import { randomFillSync } from 'node:crypto'

/** Random bytes in stock: drawing them for each call costs more than all the rest. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** 32 hexadecimal digits, not all zero. */
export const newTraceId = (): string => hex(16)

/** 16 hexadecimal digits, not all zero. */
export const newSpanId = (): string => hex(8)

function hex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString('hex', used, used + bytes)
  used += bytes
  return /[1-9a-f]/.test(text) ? text : hex(bytes)
}
