export { fromBase64, toBase64 } from './bytes.ts'
export { canonicalize, NotCanonical } from './canonical-json.ts'
export type { Checkpoint } from './checkpoint.ts'
export { formatCheckpoint, parseCheckpoint } from './checkpoint.ts'
export { cosignedText, cosignedTree, uint64 } from './cosignature.ts'
export type { TileFile } from './growing-tree.ts'
export { GrowingTree } from './growing-tree.ts'
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
export type { NoteSignature, OpenedNote } from './note.ts'
export { openCheckpoint, openNote, verifyNote } from './note.ts'
export type { Policy, PolicyLog, PolicyParse, PolicyWitness } from './policy.ts'
export { parsePolicy } from './policy.ts'
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
export type { LogProblem, LogReport, ReadFile, VerifyLogOptions } from './verify-log.ts'
export { verifyLog, WITNESSED_CHECKPOINT } from './verify-log.ts'
export type { KeyKind, VerifierKey } from './vkey.ts'
export { formatVkey, keyId, parseVkey } from './vkey.ts'
export type { Cosignature, WitnessedCheckpoint } from './witnessed.ts'
export { openWitnessed } from './witnessed.ts'
