import { randomFillSync } from 'node:crypto'

export type IdPrefix =
  | 'agt'
  | 'ins'
  | 'tsk'
  | 'grt'
  | 'tok'
  | 'lck'
  | 'lse'
  | 'key'
  | 'cal'
  | 'evt'
  | 'opr'
  | 'prp'
  | 'str'
  | 'cli'
  | 'sbj'
  | 'prc'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const RANDOM_BYTES = 10

/** Random bytes in stock: drawing them one identifier at a time costs more than all the rest. */
const pool = Buffer.alloc(RANDOM_BYTES * 256)
let used = pool.length

/** `prefix_` and 26 Crockford base32 characters: 48 bits of milliseconds, 80 random bits; sorts by time (ULID). */
export function newId(prefix: IdPrefix, now = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const half = RANDOM_BYTES / 2
  const id = `${prefix}_${base32(now, 10)}${base32(pool.readUIntBE(used, half), 8)}${base32(pool.readUIntBE(used + half, half), 8)}`
  used += RANDOM_BYTES
  return id
}

/** `value` is an integer below 2^50. */
function base32(value: number, length: number): string {
  let rest = value
  let text = ''
  for (let i = 0; i < length; i++) {
    text = (ALPHABET[rest % 32] as string) + text
    rest = Math.floor(rest / 32)
  }
  return text
}
