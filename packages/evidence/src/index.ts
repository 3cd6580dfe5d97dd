export { fromBase64, toBase64 } from './bytes.ts'
export { canonicalize, NotCanonical } from './canonical-json.ts'
export type { Checkpoint } from './checkpoint.ts'
export { formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts'
export type { NodeAt } from './merkle.ts'
export {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  nodeHash,
  rangeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
export type { VerifierKey } from './note.ts'
export { formatVkey, keyId, openNote, parseVkey } from './note.ts'
export type { Receipt, ReceiptCheck } from './receipt.ts'
export { formatReceipt, parseReceipt, verifyReceipt } from './receipt.ts'
export {
  bodiesPath,
  entriesPath,
  parseBodies,
  parseEntries,
  partialWidth,
  TILE_WIDTH,
  tilePath,
} from './tiles.ts'
export type { LogProblem, LogReport, ReadFile } from './verify-log.ts'
export { verifyLog } from './verify-log.ts'
