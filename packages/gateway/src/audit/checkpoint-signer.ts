import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { formatCheckpoint, formatVkey, keyId } from '@ostiary/evidence'
import { readPrivateFile, writePrivateFile } from '../lib/private-file.ts'

/** Signs the log's checkpoints (C2SP signed-note, Ed25519). */
export interface Signer {
  readonly vkey: string
  sign(size: number, root: Uint8Array): string
}

/** The key in `path` (PKCS #8 PEM, mode 0600), created on first use. `origin` is the log's name and the key's. */
export function fileSigner(path: string, origin: string): Signer {
  const key = loadKey(path)
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x as string, 'base64url')
  return {
    vkey: formatVkey(origin, raw),
    sign(size, root) {
      const text = formatCheckpoint({ origin, size, root })
      const signature = Buffer.concat([keyId(origin, raw), sign(null, Buffer.from(text), key)])
      return `${text}\n\u2014 ${origin} ${signature.toString('base64')}\n`
    },
  }
}

function loadKey(path: string): KeyObject {
  const pem = readPrivateFile(path)
  if (pem !== undefined) return createPrivateKey(pem)
  const { privateKey } = generateKeyPairSync('ed25519')
  writePrivateFile(path, Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string))
  return privateKey
}
