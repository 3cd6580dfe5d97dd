import { equal, fromBase64 } from './bytes.ts'
import type { Checkpoint } from './checkpoint.ts'
import { parseCheckpoint } from './checkpoint.ts'
import { checkSignature } from './signature.ts'
import type { VerifierKey } from './vkey.ts'

/** More than any quorum needs: the bound is on the work that a stranger's note can make. */
const MAX_SIGNATURES = 64

/** Characters: a checkpoint with as many of the largest signatures has a quarter of them. Each signature is over all of the text. */
const MAX_NOTE = 1_048_576

/** A signature that verified. */
export interface NoteSignature {
  readonly key: VerifierKey
  /** When it was made, POSIX seconds, for a cosignature. */
  readonly time: number | undefined
}

export interface OpenedNote {
  readonly text: string
  /** At least one. */
  readonly signatures: readonly NoteSignature[]
}

/**
 * Opens a signed note (C2SP signed-note): its text and which of `keys` signed it. Signatures of other keys are ignored, and so are those
 * of an algorithm that this runtime does not have.
 * Undefined when the note is malformed, no key of `keys` signed it, or the signature of any of them does not verify.
 */
export async function verifyNote(
  note: string,
  keys: readonly VerifierKey[],
): Promise<OpenedNote | undefined> {
  const end = note.lastIndexOf('\n\n')
  if (note.length > MAX_NOTE || end < 0 || !note.endsWith('\n')) return undefined
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES || /[\u0000-\u0009\u000b-\u001f]/.test(note)) return undefined
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const match = /^\u2014 (\S+) (\S+)$/.exec(line)
    const data = match ? fromBase64(match[2] as string) : undefined
    if (!match || !data || data.length < 5) return undefined
    const id = data.subarray(0, 4)
    const key = keys.find((known) => known.name === match[1] && equal(known.id, id))
    if (!key) continue
    const result = await checkSignature(key, data.subarray(4), text)
    if (result.is === 'invalid') return undefined
    if (result.is === 'valid') signatures.push({ key, time: result.time })
  }
  return signatures.length > 0 ? { text, signatures } : undefined
}

/** The text of a note, once the given key has signed it; undefined otherwise, as {@link verifyNote}. */
export const openNote = async (note: string, vkey: VerifierKey): Promise<string | undefined> =>
  (await verifyNote(note, [vkey]))?.text

/** A checkpoint whose signature by the log's own key verifies and whose origin is that key's name. */
export async function openCheckpoint(note: string, vkey: VerifierKey): Promise<Checkpoint | undefined> {
  // A cosignature says that somebody saw the checkpoint, not that the log made it.
  if (vkey.kind !== 'ed25519') return undefined
  const text = await openNote(note, vkey)
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text)
  return checkpoint?.origin === vkey.name ? checkpoint : undefined
}
