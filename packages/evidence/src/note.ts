import { sha256 } from '#sha256'
import { concat, equal, fromBase64, toBase64, utf8 } from './bytes.ts'

/** Signature type of a plain Ed25519 note signature (C2SP signed-note). */
const ED25519 = 1
const MAX_SIGNATURES = 32

/** A note verifier key: who signs, and with which Ed25519 key. */
export interface VerifierKey {
  readonly name: string
  readonly id: Uint8Array
  readonly key: Uint8Array
}

export const keyId = (name: string, key: Uint8Array): Uint8Array =>
  sha256(concat(utf8(`${name}\n`), Uint8Array.of(ED25519), key)).subarray(0, 4)

/** `name+hex(key id)+base64(type || key)`. */
export function formatVkey(name: string, key: Uint8Array): string {
  const id = [...keyId(name, key)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${name}+${id}+${toBase64(concat(Uint8Array.of(ED25519), key))}`
}

/** Undefined when the text is no Ed25519 verifier key or its id does not fit. */
export function parseVkey(text: string): VerifierKey | undefined {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim())
  const data = match ? fromBase64(match[3] as string) : undefined
  if (!match || data?.[0] !== ED25519 || data.length !== 33) return undefined
  const name = match[1] as string
  const key = data.subarray(1)
  const id = keyId(name, key)
  const hex = [...id].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex === match[2] ? { name, id, key } : undefined
}

/**
 * Opens a signed note: the text, once the given key has signed it. Signatures of other keys are ignored.
 * Undefined when the note is malformed, unsigned by the key, or the key's signature does not verify.
 */
export async function openNote(note: string, vkey: VerifierKey): Promise<string | undefined> {
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) return undefined
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined
  let signed = false
  for (const line of lines) {
    const match = /^\u2014 (\S+) (\S+)$/.exec(line)
    const data = match ? fromBase64(match[2] as string) : undefined
    if (!match || !data || data.length < 5) return undefined
    if (match[1] !== vkey.name || !equal(data.subarray(0, 4), vkey.id)) continue
    if (!(await verifyEd25519(vkey.key, data.subarray(4), utf8(text)))) return undefined
    signed = true
  }
  return signed ? text : undefined
}

async function verifyEd25519(key: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean> {
  const imported = await crypto.subtle.importKey('raw', Uint8Array.from(key), 'Ed25519', false, ['verify'])
  return await crypto.subtle.verify('Ed25519', imported, Uint8Array.from(signature), Uint8Array.from(message))
}
