import { randomBytes } from 'node:crypto'

export type IdPrefix = 'agt' | 'ins' | 'tsk' | 'grt' | 'tok' | 'lck' | 'lse' | 'key' | 'cal' | 'evt'

/** `prefix_` and 26 Crockford base32 characters: 48 bits of milliseconds, 80 random bits; sorts by time (ULID). */
export function newId(prefix: IdPrefix, now = Date.now()): string {
  const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
  let bits = (BigInt(now) << 80n) | BigInt(`0x${randomBytes(10).toString('hex')}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = ALPHABET[Number(bits & 31n)] + text
    bits >>= 5n
  }
  return `${prefix}_${text}`
}
