import { equal } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { verifyNote } from './note.ts'
import type { Policy } from './policy.ts'
import type { VerifierKey } from './vkey.ts'

/** A witness that saw a checkpoint. */
export interface Cosignature {
  /** Its name in the policy. */
  readonly witness: string
  /** When, POSIX seconds, by its own clock. */
  readonly time: number
}

export interface WitnessedCheckpoint {
  readonly checkpoint: Checkpoint
  /** The log that signed it. */
  readonly log: VerifierKey
  /** One for each witness of the policy that cosigned; its newest. */
  readonly cosignatures: readonly Cosignature[]
  /** True when they are enough by the policy. */
  readonly isQuorum: boolean
}

/**
 * Opens a checkpoint under a policy (C2SP tlog-policy): signed by one of its logs, and who cosigned it. `log` stands in for the policy's
 * logs where the log is known from elsewhere; where both are given, it has to be one of them.
 * Undefined when no such log signed it, or when any signature of a known key does not verify.
 */
export async function openWitnessed(
  note: string,
  policy: Policy,
  log?: VerifierKey,
): Promise<WitnessedCheckpoint | undefined> {
  const logs = acceptedLogs(policy, log)
  const opened = await verifyNote(note, [...logs, ...policy.witnesses.map(({ key }) => key)])
  const checkpoint = opened && parseCheckpoint(opened.text)
  if (!checkpoint) return undefined
  const by = logs.find(
    (key) => key.name === checkpoint.origin && opened.signatures.some((s) => s.key === key),
  )
  if (!by) return undefined
  const cosignatures = policy.witnesses.flatMap(({ name, key }) => {
    // A time of zero says nothing of when, nor that the tree is the largest that was seen.
    const times = opened.signatures.flatMap((s) => (s.key === key && s.time ? [s.time] : []))
    return times.length > 0 ? [{ witness: name, time: Math.max(...times) }] : []
  })
  const isQuorum = policy.isQuorum(new Set(cosignatures.map(({ witness }) => witness)))
  return { checkpoint, log: by, cosignatures, isQuorum }
}

function acceptedLogs({ logs }: Policy, log: VerifierKey | undefined): readonly VerifierKey[] {
  const keys = logs.map(({ key }) => key)
  if (!log) return keys
  // Not by its id: of four bytes another key with the same can be found in hours.
  const isSame = (key: VerifierKey) => key.name === log.name && equal(key.key, log.key)
  if (keys.length > 0 && !keys.some(isSame)) return []
  return log.kind === 'ed25519' ? [log] : []
}
