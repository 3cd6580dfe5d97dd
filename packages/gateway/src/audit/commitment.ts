import type { KeyObject } from 'node:crypto'
import { createHmac, createSecretKey } from 'node:crypto'
import { privateKey } from '../lib/private-file.ts'

/**
 * Commits to request bodies without revealing them: the log holds HMAC(salt, digest) with a salt per call, derived from one key.
 * Whoever is given the salt of a call can check that one call; nobody can guess the others.
 */
export class Committer {
  // A key object: Node takes four times as long over a key given as bytes, and this is done for every call.
  readonly #key: KeyObject

  constructor(path: string) {
    this.#key = createSecretKey(privateKey(path))
  }

  /** base64url, 32 bytes. */
  commit(callId: string, contentDigest: string): string {
    return createHmac('sha256', createSecretKey(this.salt(callId)))
      .update(contentDigest)
      .digest('base64url')
  }

  /** What opens the commitment of one call. */
  salt(callId: string): Buffer {
    return createHmac('sha256', this.#key).update(callId).digest()
  }
}
