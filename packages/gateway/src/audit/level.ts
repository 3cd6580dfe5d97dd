import type { Cosignature, Policy } from '@ostiary/evidence'
import { TILE_WIDTH } from '@ostiary/evidence'
import type { MirrorStatus } from './mirror/mirror.ts'

/** A mirror that was not reached for this long may have lost all it had, milliseconds. */
const REACHED_MS = 600_000
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
  readonly mirror?: Pick<MirrorStatus, 'state' | 'size' | 'current_at'> | undefined
  /** Epoch milliseconds. */
  readonly now: number
}

/**
 * What the log can be believed without believing whoever runs it. Computed from what is there, never configured: `local` while the gateway
 * signs for itself, `witnessed` while a quorum of witnesses vouches for it, mirrored when what they vouch for is held elsewhere too.
 */
export function levelOf({ policy, witnessed, mirror, now }: LevelInput): Level {
  // A clock that is ahead must not make a cosignature good for ever.
  const fresh = witnessed?.cosignatures.filter(({ time }) => Math.abs(time - now / 1000) <= FRESH_S) ?? []
  const isQuorum = fresh.length > 0 && policy?.isQuorum(new Set(fresh.map(({ witness }) => witness))) === true
  if (!witnessed || !isQuorum)
    return { name: 'local', witnesses: [], isMirrored: false, witnessedSize: witnessed?.size ?? 0 }
  const isMirrored =
    mirror !== undefined && isUpToDate(mirror, now) && mirror.size > witnessed.size - TILE_WIDTH
  const name = `witnessed(${fresh.length})${isMirrored ? '+mirrored' : ''}`
  return { name, witnesses: fresh, isMirrored, witnessedSize: witnessed.size }
}

/** The mirror is a round behind at most, which is less than a tile unless very much is going on. */
const isUpToDate = ({ state, current_at }: NonNullable<LevelInput['mirror']>, now: number): boolean =>
  state === 'current' && current_at !== null && now - current_at <= REACHED_MS
