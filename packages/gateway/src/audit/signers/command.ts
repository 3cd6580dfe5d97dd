import type { VerifierKey } from '@ostiary/evidence'
import { formatCheckpoint, fromBase64, openCheckpoint, parseVkey } from '@ostiary/evidence'
import { ProgramFailed, programOutput } from '../../lib/program-output.ts'
import type { Signer } from './signer.ts'
import { SigningFailed, signatureLine } from './signer.ts'

/**
 * A key in a KMS or HSM: the program gets the checkpoint's text on its standard input and prints the raw Ed25519 signature in base64.
 * It is run without a shell, and what it writes to its error output is not shown. @throws SigningFailed when `vkey` is none of a log
 */
export function commandSigner(command: readonly [string, ...string[]], vkey: string): Signer {
  const key = parseVkey(vkey)
  if (key?.kind !== 'ed25519')
    throw new SigningFailed(
      '`audit.signer.vkey` is not the Ed25519 key of a log. Correct it in ostiary.yaml.',
    )
  return {
    vkey,
    async sign(head) {
      const text = formatCheckpoint({ origin: key.name, ...head })
      const signature = fromBase64((await printed(command, text)).trim())
      const note = signature && `${text}\n${signatureLine(key, signature)}`
      // A key that was changed in the KMS would otherwise make checkpoints that nobody can verify.
      if (!note || !(await opens(note, key)))
        throw new SigningFailed(
          `the command ${command[0]} does not sign with the key of \`audit.signer.vkey\`. Check both.`,
        )
      return note
    },
  }
}

const opens = async (note: string, key: VerifierKey) => (await openCheckpoint(note, key)) !== undefined

async function printed(command: readonly string[], text: string): Promise<string> {
  try {
    return await programOutput(command, text)
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error
    throw new SigningFailed(`the command ${command[0]} that signs checkpoints ${error.message}.`)
  }
}
