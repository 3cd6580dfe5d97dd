import { fromBase64, toBase64 } from '@ostiary/evidence'

/** C2SP tlog-witness allows no more. */
const MAX_PROOF = 63

/** The body of `add-checkpoint` (C2SP tlog-witness): from which size, the consistency proof, and a checkpoint. */
export interface Submission {
  readonly old: number
  readonly proof: readonly Uint8Array[]
  /** A signed note for a witness, the text alone for a signer. */
  readonly checkpoint: string
}

export const formatSubmission = ({ old, proof, checkpoint }: Submission): string =>
  `old ${old}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${checkpoint}`

/** Undefined when the text is none. */
export function parseSubmission(text: string): Submission | undefined {
  const end = text.indexOf('\n\n')
  if (end < 0) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\n')
  const old = parseSize(/^old (.*)$/.exec(first)?.[1] ?? '')
  if (old === undefined || lines.length > MAX_PROOF) return undefined
  const proof = lines.map(fromBase64)
  if (proof.some((hash) => hash?.length !== 32)) return undefined
  return { old, proof: proof as Uint8Array[], checkpoint: text.slice(end + 2) }
}

/** A tree size in its one form: decimal, no leading zeroes. */
export function parseSize(text: string): number | undefined {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return undefined
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}
