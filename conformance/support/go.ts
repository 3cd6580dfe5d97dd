import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'

/** The Go program that verifies our log with other people's implementation of the formats. */
export const GO_PROGRAM = resolve('conformance/audit/interop')

/** Where `go` is, or why a test that needs it is skipped. */
export async function findGo(): Promise<{ path: string; skip: string | false }> {
  const path = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go'
  try {
    await promisify(execFile)(
      path,
      ['build', '-o', process.platform === 'win32' ? 'NUL' : '/dev/null', '.'],
      {
        cwd: GO_PROGRAM,
        timeout: 120_000,
      },
    )
    return { path, skip: false }
  } catch {
    return { path, skip: 'needs Go 1.24 or newer, and the modules of conformance/audit/interop/go.mod' }
  }
}
