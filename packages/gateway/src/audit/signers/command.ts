import { execFile } from 'node:child_process'
import type { VerifierKey } from '@ostiary/evidence'
import { formatCheckpoint, fromBase64, openCheckpoint, parseVkey } from '@ostiary/evidence'
import type { Signer } from './signer.ts'
import { SigningFailed, signatureLine } from './signer.ts'

const COMMAND_MS = 10_000
const MAX_OUTPUT = 1024

/**
 * A key in a KMS or HSM: the program gets the checkpoint's text on its standard input and prints the raw Ed25519 signature in base64.
 * It is run without a shell, and what it writes to its error output is not shown. @throws SigningFailed when `vkey` is none of a log
 */
export function commandSigner([program, ...args]: readonly [string, ...string[]], vkey: string): Signer {
  const key = parseVkey(vkey)
  if (key?.kind !== 'ed25519')
    throw new SigningFailed(
      '`audit.signer.vkey` is not the Ed25519 key of a log. Correct it in ostiary.yaml.',
    )
  return {
    vkey,
    async sign(head) {
      const text = formatCheckpoint({ origin: key.name, ...head })
      const signature = fromBase64((await output(program, args, text)).trim())
      const note = signature && `${text}\n${signatureLine(key, signature)}`
      // A key that was changed in the KMS would otherwise make checkpoints that nobody can verify.
      if (!note || !(await opens(note, key)))
        throw new SigningFailed(
          `the command ${program} does not sign with the key of \`audit.signer.vkey\`. Check both.`,
        )
      return note
    },
  }
}

const opens = async (note: string, key: VerifierKey) => (await openCheckpoint(note, key)) !== undefined

function output(program: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { timeout: COMMAND_MS, maxBuffer: MAX_OUTPUT, encoding: 'utf8' },
      (error, stdout) => {
        if (!error) return resolve(stdout)
        const why = error.killed ? 'took too long or said too much' : `failed (${error.code ?? 'unknown'})`
        reject(new SigningFailed(`the command ${program} that signs checkpoints ${why}.`))
      },
    )
    // A program that does not read what it gets is told of by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
