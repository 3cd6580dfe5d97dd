import { utf8 } from './bytes.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { cosignedText, cosignedTree, timestamped } from './cosignature.ts'
import type { VerifierKey } from './vkey.ts'

/** `unsupported`: this runtime does not have the algorithm, so the key is as good as unknown. */
export type SignatureCheck =
  | { readonly is: 'valid' /** POSIX seconds; undefined for a plain signature. */; readonly time?: number }
  | { readonly is: 'invalid' }
  | { readonly is: 'unsupported' }

const INVALID: SignatureCheck = { is: 'invalid' }

/** Checks the signature of one line over the text of its note. */
export async function checkSignature(
  vkey: VerifierKey,
  data: Uint8Array,
  text: string,
): Promise<SignatureCheck> {
  if (vkey.kind === 'ed25519') return await check('Ed25519', vkey.key, data, utf8(text))
  const stamped = timestamped(data)
  if (!stamped) return INVALID
  const { time, signature } = stamped
  if (vkey.kind === 'cosignature/v1')
    return await check('Ed25519', vkey.key, signature, cosignedText(time, text), time)
  const checkpoint = parseCheckpoint(text)
  const message = checkpoint && cosignedTree(vkey.name, time, checkpoint)
  return message ? await check('ML-DSA-44', vkey.key, signature, message, time) : INVALID
}

async function check(
  algorithm: 'Ed25519' | 'ML-DSA-44',
  key: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
  time?: number,
): Promise<SignatureCheck> {
  // The algorithms that came later to Web Cryptography name the format by what is in it.
  const format = (algorithm === 'Ed25519' ? 'raw' : 'raw-public') as 'raw'
  try {
    const imported = await crypto.subtle.importKey(format, Uint8Array.from(key), algorithm, false, ['verify'])
    const ok = await crypto.subtle.verify(
      algorithm,
      imported,
      Uint8Array.from(signature),
      Uint8Array.from(message),
    )
    if (!ok) return INVALID
    return time === undefined ? { is: 'valid' } : { is: 'valid', time }
  } catch (error) {
    return (error as Error).name === 'NotSupportedError' || error instanceof TypeError
      ? { is: 'unsupported' }
      : INVALID
  }
}
