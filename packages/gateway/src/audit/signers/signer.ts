import type { VerifierKey } from '@ostiary/evidence'

/** What a checkpoint says of the tree. */
export interface TreeHead {
  /** Leaves. */
  readonly size: number
  /** RFC 6962 root hash, 32 bytes. */
  readonly root: Uint8Array
}

/** Proof that the tree of `size` leaves is a prefix of the one to be signed (RFC 9162 section 2.1.4). */
export type ProofFrom = (size: number) => Promise<readonly Uint8Array[]>

/** The head cannot be signed now, or is refused. The message is for people and holds no secret. */
export class SigningFailed extends Error {
  override name = 'SigningFailed'
}

/**
 * Signs the log's checkpoints (C2SP signed-note, Ed25519); the name of its key is the origin of the log.
 * The caller MUST ask only for heads whose leaves are durable. An implementation MUST resolve with a note that its `vkey` opens, MUST
 * reject with {@link SigningFailed} otherwise, and MUST NOT wait for ever.
 */
export interface Signer {
  readonly vkey: string
  sign(head: TreeHead, proofFrom: ProofFrom): Promise<string>
}

/** One signature line of a note: em dash, name, key id and signature in base64. */
export const signatureLine = ({ name, id }: VerifierKey, signature: Uint8Array): string =>
  `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`
