import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Secret } from '../lib/secret.ts'

const IV = 12
const TAG = 16
const KEY = 32

/** The stored form cannot be opened: altered, moved to another name or version, or sealed under another key. */
export class SealBroken extends Error {
  override name = 'SealBroken'
}

const aad = (name: string, version: number): Buffer => Buffer.from(`ostiary:secret:${name}:${version}`)

/** Seals under a fresh key that is itself sealed under the KEK; name and version are bound to both. Base64. */
export function seal(kek: Buffer, name: string, version: number, value: string): string {
  const dek = randomBytes(KEY)
  const bound = aad(name, version)
  return Buffer.concat([encrypt(kek, bound, dek), encrypt(dek, bound, Buffer.from(value))]).toString('base64')
}

/** @throws SealBroken */
export function unseal(kek: Buffer, name: string, version: number, sealed: string): Secret {
  const bytes = Buffer.from(sealed, 'base64')
  const wrapped = IV + TAG + KEY
  const bound = aad(name, version)
  try {
    const dek = decrypt(kek, bound, bytes.subarray(0, wrapped))
    return new Secret(decrypt(dek, bound, bytes.subarray(wrapped)).toString('utf8'))
  } catch {
    throw new SealBroken(`the secret ${name} cannot be opened with this key`)
  }
}

function encrypt(key: Buffer, bound: Buffer, data: Buffer): Buffer {
  const iv = randomBytes(IV)
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bound)
  const body = Buffer.concat([cipher.update(data), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body])
}

function decrypt(key: Buffer, bound: Buffer, data: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, IV)).setAAD(bound)
  decipher.setAuthTag(data.subarray(IV, IV + TAG))
  return Buffer.concat([decipher.update(data.subarray(IV + TAG)), decipher.final()])
}
