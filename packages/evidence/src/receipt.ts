import { fromBase64, toBase64 } from './bytes.ts'
import { openCheckpoint } from './checkpoint.ts'
import { leafHash, verifyInclusion } from './merkle.ts'
import { parseVkey } from './note.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'

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
  const proof = lines.map(fromBase64)
  if (header !== HEADER || !index || proof.length > 63 || proof.some((hash) => hash?.length !== 32))
    return undefined
  return { index: Number(index[1]), proof: proof as Uint8Array[], checkpoint: text.slice(end + 2) }
}

export type ReceiptCheck =
  | { readonly ok: true; readonly index: number; readonly size: number }
  | { readonly ok: false; readonly problem: string }

/** Checks that `entry` (the exact bytes) is in the log of `vkey`, offline. */
export async function verifyReceipt(input: {
  receipt: string
  entry: Uint8Array
  vkey: string
}): Promise<ReceiptCheck> {
  const vkey = parseVkey(input.vkey)
  if (!vkey) return { ok: false, problem: 'the log’s public key is malformed' }
  const receipt = parseReceipt(input.receipt)
  if (!receipt) return { ok: false, problem: 'the receipt is malformed' }
  const checkpoint = await openCheckpoint(receipt.checkpoint, vkey)
  if (!checkpoint) return { ok: false, problem: 'the checkpoint is not signed by this log' }
  const { index, proof } = receipt
  if (!verifyInclusion(leafHash(input.entry), index, checkpoint.size, proof, checkpoint.root)) {
    return { ok: false, problem: 'the entry is not what the log holds at this index' }
  }
  return { ok: true, index, size: checkpoint.size }
}
