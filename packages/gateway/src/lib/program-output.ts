import { execFile } from 'node:child_process'

const TIMEOUT_MS = 10_000
const MAX_OUTPUT = 1024

/** A program gave nothing that can be used; the message is why, without anything the program wrote. */
export class ProgramFailed extends Error {
  override name = 'ProgramFailed'
}

/**
 * What a program that an operator named prints, 1,024 bytes and ten seconds at most: how a KMS or an HSM comes in. It is run without a
 * shell, and what it writes to its error output is not shown. @throws ProgramFailed
 */
export function programOutput([program = '', ...args]: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT, encoding: 'utf8' },
      (error, stdout) => {
        if (!error) return resolve(stdout)
        const why = error.killed ? 'took too long or said too much' : `failed (${error.code ?? 'unknown'})`
        reject(new ProgramFailed(why))
      },
    )
    // A program that does not read what it gets is told of by its exit code.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
