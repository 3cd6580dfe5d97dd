import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

const ROUNDS = 4096
const KEY = 32

/**
 * What PostgreSQL stores for a password (RFC 5803, RFC 7677): sent in its place, the password itself never stands in a statement, where logs,
 * `pg_stat_activity` and extensions would see it. For passwords in plain ASCII.
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, ROUNDS, KEY, 'sha256')
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}
