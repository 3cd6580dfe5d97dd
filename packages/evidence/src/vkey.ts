import { sha256 } from '#sha256'
import { concat, fromBase64, toBase64, utf8 } from './bytes.ts'

/**
 * What a key signs (C2SP signed-note, signature types): `ed25519` the text of a note, as logs do; `cosignature/v1` and `ml-dsa-44` a
 * checkpoint at a time, as witnesses do (C2SP tlog-cosignature).
 */
export type KeyKind = 'ed25519' | 'cosignature/v1' | 'ml-dsa-44'

const KINDS: readonly { readonly kind: KeyKind; readonly byte: number; readonly length: number }[] = [
  { kind: 'ed25519', byte: 0x01, length: 32 },
  { kind: 'cosignature/v1', byte: 0x04, length: 32 },
  { kind: 'ml-dsa-44', byte: 0x06, length: 1312 },
]

/** A note verifier key: who signs, what, and with which public key. */
export interface VerifierKey {
  readonly name: string
  readonly kind: KeyKind
  readonly id: Uint8Array
  readonly key: Uint8Array
}

const byteOf = (kind: KeyKind): number => KINDS.find((known) => known.kind === kind)?.byte as number

/** First four bytes of SHA-256(name, newline, type, key). */
export const keyId = (name: string, key: Uint8Array, kind: KeyKind = 'ed25519'): Uint8Array =>
  sha256(concat(utf8(`${name}\n`), Uint8Array.of(byteOf(kind)), key)).subarray(0, 4)

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** `name+hex(key id)+base64(type || key)`. */
export const formatVkey = (name: string, key: Uint8Array, kind: KeyKind = 'ed25519'): string =>
  `${name}+${hex(keyId(name, key, kind))}+${toBase64(concat(Uint8Array.of(byteOf(kind)), key))}`

/** Undefined when the text is no verifier key of a kind known here, or its id does not fit. */
export function parseVkey(text: string): VerifierKey | undefined {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim())
  const data = match ? fromBase64(match[3] as string) : undefined
  const known = KINDS.find(({ byte }) => byte === data?.[0])
  if (!match || !data || data.length - 1 !== known?.length) return undefined
  const { kind } = known
  const name = match[1] as string
  const key = data.subarray(1)
  const id = keyId(name, key, kind)
  return hex(id) === match[2] ? { name, kind, id, key } : undefined
}
