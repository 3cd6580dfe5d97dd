import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readPrivateFile, writePrivateFile } from '../lib/private-file.ts'

/** The Ed25519 key in `path` (PKCS #8 PEM, mode 0600), created on first use. @throws NotPrivate */
export function signingKey(path: string): KeyObject {
  const pem = readPrivateFile(path)
  if (pem !== undefined) return createPrivateKey(pem)
  const { privateKey } = generateKeyPairSync('ed25519')
  writePrivateFile(path, Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string))
  return privateKey
}

/** 32 bytes, RFC 8032. */
export const publicKeyOf = (key: KeyObject): Buffer =>
  Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x as string, 'base64url')
