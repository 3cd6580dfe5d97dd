import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'

/**
 * Seals small state into an opaque token that any worker with the key can open (AES-256-GCM, random 96-bit IV).
 * `purpose` is authenticated, so a token of one kind is never taken for another.
 */
export interface Sealer {
  seal(purpose: string, state: string): string
  /** Undefined when the token is not ours, was altered or has another purpose. */
  open(purpose: string, token: string): string | undefined
}

const MAX_TOKEN = 8192

export function sealer(secret: Buffer): Sealer {
  // A key object: Node takes four times as long over a key given as bytes, and every call of a session opens one token.
  const key = createSecretKey(secret)
  return {
    seal(purpose, state) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(purpose))
      const body = Buffer.concat([cipher.update(state, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')
    },
    open(purpose, token) {
      if (token.length > MAX_TOKEN) return undefined
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length < 28) return undefined
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
          .setAAD(Buffer.from(purpose))
          .setAuthTag(bytes.subarray(12, 28))
        return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}
