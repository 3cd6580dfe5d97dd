import { sign } from 'node:crypto'
import type { VerifierKey } from '@ostiary/evidence'
import { formatCheckpoint, formatVkey, parseVkey } from '@ostiary/evidence'
import { publicKeyOf, signingKey } from '../signing-key.ts'
import type { Signer } from './signer.ts'
import { signatureLine } from './signer.ts'

/** Signs in this very process, with the key in `path`. Whoever takes over the process can sign anything. @throws NotPrivate */
export function fileSigner(path: string, origin: string): Signer {
  const key = signingKey(path)
  const vkey = formatVkey(origin, publicKeyOf(key))
  const parsed = parseVkey(vkey) as VerifierKey
  return {
    vkey,
    async sign(head) {
      const text = formatCheckpoint({ origin, ...head })
      return `${text}\n${signatureLine(parsed, sign(null, Buffer.from(text), key))}`
    },
  }
}
