import type { AuditLog } from '../audit/log.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'

/** Until a checkpoint covers them, entries stay in the journal, which a start reads whole, and in memory while tiles cannot be written. */
const MAX_UNSIGNED = 100_000

/** Refuses calls while the log runs too far ahead of its signature, as when the signer is gone for long. */
export const unsignedBarrier =
  (log: Pick<AuditLog, 'size' | 'checkpoints'>): (() => Reason | undefined) =>
  () =>
    log.size - (log.checkpoints.newest?.size ?? 0) > MAX_UNSIGNED ? reason('AUDIT_UNAVAILABLE') : undefined
