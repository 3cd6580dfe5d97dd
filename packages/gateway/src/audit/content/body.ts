import type { KeyObject } from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import type { JsonObject } from '../../model/json.ts'
import type { BodyReference } from '../entry.ts'
import { recordable } from '../recordable.ts'

const VERSION = 1
const IV = 12
const TAG = 16
const SALT = 32

/** A sealed body is not what its entry says, or none of the keys open it. */
export class BodyBroken extends Error {
  override name = 'BodyBroken'
}

/** A key of one subject (or of none) for one month. */
export interface BodyKey {
  readonly id: string
  /** 32 bytes, as a key object: Node takes four times as long over a key given as bytes. */
  readonly key: KeyObject
}

export interface SealedBody {
  readonly bytes: Buffer
  readonly reference: BodyReference
}

/**
 * Seals content (AES-256-GCM) under all of the keys together, so that destroying any one of them destroys it: `version || iv || tag ||
 * ciphertext(salt || canonical JSON)`. The commitment in the entry is SHA-256(salt || content): salted, because a plain digest of personal data
 * can be guessed, and beside the key, because GCM alone lets who chooses the keys open one ciphertext in two ways.
 */
export function sealBody(content: JsonObject, keys: readonly BodyKey[]): SealedBody {
  const plain = Buffer.from(recordable(content), 'utf8')
  const random = randomBytes(SALT + IV)
  const salt = random.subarray(0, SALT)
  const iv = random.subarray(SALT)
  const commitment = committed(salt, plain)
  const cipher = createCipheriv('aes-256-gcm', joined(keys), iv).setAAD(commitment)
  const sealed = Buffer.concat([cipher.update(salt), cipher.update(plain), cipher.final()])
  const bytes = Buffer.concat([Buffer.of(VERSION), iv, cipher.getAuthTag(), sealed])
  return {
    bytes,
    reference: {
      sha256: hash('sha256', bytes, 'base64url'),
      commitment: commitment.toString('base64url'),
      keys: keys.map(({ id }) => id),
    },
  }
}

/** @throws BodyBroken */
export function openBody(bytes: Uint8Array, reference: BodyReference, keys: readonly BodyKey[]): JsonObject {
  const sealed = Buffer.from(bytes)
  const commitment = Buffer.from(reference.commitment, 'base64url')
  if (hash('sha256', sealed, 'base64url') !== reference.sha256)
    throw new BodyBroken('the sealed body is not the one that the entry commits to')
  if (sealed[0] !== VERSION || sealed.length < 1 + IV + TAG + SALT)
    throw new BodyBroken('the sealed body has a form that this version does not know')
  let opened: Buffer
  try {
    const decipher = createDecipheriv('aes-256-gcm', joined(keys), sealed.subarray(1, 1 + IV)).setAAD(
      commitment,
    )
    decipher.setAuthTag(sealed.subarray(1 + IV, 1 + IV + TAG))
    opened = Buffer.concat([decipher.update(sealed.subarray(1 + IV + TAG)), decipher.final()])
  } catch {
    throw new BodyBroken('the sealed body cannot be opened with its keys')
  }
  const plain = opened.subarray(SALT)
  const actual = committed(opened.subarray(0, SALT), plain)
  if (actual.length !== commitment.length || !timingSafeEqual(actual, commitment))
    throw new BodyBroken('the sealed body does not fit the commitment in its entry')
  return JSON.parse(plain.toString('utf8')) as JsonObject
}

const committed = (salt: Buffer, plain: Buffer): Buffer =>
  hash('sha256', Buffer.concat([salt, plain]), 'buffer')

/** One key is used as it is; several are made one that none of them gives away. */
function joined(keys: readonly BodyKey[]): KeyObject {
  const [first, ...rest] = keys.map(({ key }) => key)
  if (!first) throw new BodyBroken('a body is sealed under at least one key')
  if (rest.length === 0) return first
  const hmac = createHmac('sha256', first).update('ostiary body')
  for (const key of rest) hmac.update(key.export())
  return createSecretKey(hmac.digest())
}
