import { fromBase64, toBase64 } from './bytes.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import type { Policy } from './policy.ts'
import { LOG_ALONE } from './policy.ts'
import { parseVkey } from './vkey.ts'
import type { Cosignature } from './witnessed.ts'
import { openWitnessed } from './witnessed.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** Hashes: of a tree of 2^63 leaves. */
const MAX_PROOF = 63

/** Where an entry stands, proven offline: index, inclusion path and the signed checkpoint (C2SP tlog-proof). */
export interface Receipt {
  readonly index: number
  readonly proof: readonly Uint8Array[]
  readonly checkpoint: string
}

export const formatReceipt = (receipt: Receipt): string =>
  `${HEADER}\nindex ${receipt.index}\n${receipt.proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${receipt.checkpoint}`

/** Undefined when the text is no receipt. */
export function parseReceipt(text: string): Receipt | undefined {
  const end = text.indexOf('\n\n')
  if (end < 0) return undefined
  const [header, ...lines] = text.slice(0, end).split('\n')
  if (lines[0]?.startsWith('extra ')) lines.shift()
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')
  // Counted before any is decoded: a stranger's text may have millions.
  if (header !== HEADER || !index || lines.length > MAX_PROOF) return undefined
  const proof = lines.map(fromBase64)
  if (proof.some((hash) => hash?.length !== 32)) return undefined
  return { index: Number(index[1]), proof: proof as Uint8Array[], checkpoint: text.slice(end + 2) }
}

export type ReceiptCheck =
  | {
      readonly ok: true
      readonly index: number
      readonly size: number
      /** Who vouches for the checkpoint besides the log; present when a policy was given. */
      readonly cosignatures?: readonly Cosignature[]
    }
  | { readonly ok: false; readonly problem: string }

/**
 * Checks offline that `entry` (the exact bytes) is in the log: that of `vkey`, or any that `policy` lists. With a policy, its quorum of
 * witnesses must have cosigned the receipt's checkpoint.
 */
export async function verifyReceipt(input: {
  receipt: string
  entry: Uint8Array
  vkey?: string
  policy?: Policy
}): Promise<ReceiptCheck> {
  const vkey = input.vkey === undefined ? undefined : parseVkey(input.vkey)
  if (input.vkey !== undefined && !vkey) return failed('the log’s public key is malformed')
  const receipt = parseReceipt(input.receipt)
  if (!receipt) return failed('the receipt is malformed')
  const opened = await openWitnessed(receipt.checkpoint, input.policy ?? LOG_ALONE, vkey)
  if (!opened) return failed('the checkpoint is not signed by this log, or a signature is false')
  const { checkpoint, cosignatures } = opened
  const { index, proof } = receipt
  if (!verifyInclusion(leafHash(input.entry), index, checkpoint.size, proof, checkpoint.root))
    return failed('the entry is not what the log holds at this index')
  if (!opened.isQuorum) return failed('too few witnesses cosigned the checkpoint')
  const { size } = checkpoint
  return input.policy ? { ok: true, index, size, cosignatures } : { ok: true, index, size }
}

const failed = (problem: string): ReceiptCheck => ({ ok: false, problem })
