import type { Cosignature, Policy } from '@ostiary/evidence'
import { TILE_WIDTH } from '@ostiary/evidence'

/** A cosignature older than this says nothing of what the log does now, seconds. */
const FRESH_S = 120

export interface Level {
  /** `local`, `witnessed(2)`, `witnessed(2)+mirrored`. */
  readonly name: string
  /** Witnesses of the quorum with a fresh cosignature; none without a fresh quorum. */
  readonly witnesses: readonly Cosignature[]
  readonly isMirrored: boolean
  /** Entries that the witnesses vouch for; those after them are vouched for by the log alone. */
  readonly witnessedSize: number
}

export interface LevelInput {
  readonly policy: Policy | undefined
  readonly witnessed: { readonly size: number; readonly cosignatures: readonly Cosignature[] } | undefined
  /** Entries that the mirror holds, verified. */
  readonly mirroredSize?: number | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * What the log can be believed without believing whoever runs it. Computed from what is there, never configured: `local` while the gateway
 * signs for itself, `witnessed` while a quorum of witnesses vouches for it, mirrored when what they vouch for is held elsewhere too.
 */
export function levelOf({ policy, witnessed, mirroredSize, now }: LevelInput): Level {
  const oldest = now / 1000 - FRESH_S
  const fresh = witnessed?.cosignatures.filter(({ time }) => time >= oldest) ?? []
  const isQuorum = fresh.length > 0 && policy?.isQuorum(new Set(fresh.map(({ witness }) => witness))) === true
  if (!witnessed || !isQuorum)
    return { name: 'local', witnesses: [], isMirrored: false, witnessedSize: witnessed?.size ?? 0 }
  // The last tile is copied when it is full.
  const isMirrored = mirroredSize !== undefined && mirroredSize > witnessed.size - TILE_WIDTH
  const name = `witnessed(${fresh.length})${isMirrored ? '+mirrored' : ''}`
  return { name, witnesses: fresh, isMirrored, witnessedSize: witnessed.size }
}
