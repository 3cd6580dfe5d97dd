import { GatewayRefusal, GatewayUnreachable } from '@ostiary/agent'
import { CommanderError } from 'commander'
import { ConfigInvalid } from '../config/load.ts'
import { printable } from './context.ts'
import { CommandFailed, EXIT } from './exit.ts'
import { program } from './program.ts'

/** Runs the command line; sets the exit code of the process. */
export async function run(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv, { from: 'user' })
  } catch (error) {
    process.exitCode = exitCodeOf(error)
    const message = messageOf(error)
    if (message) process.stderr.write(`${printable(message)}\n`)
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailed) return error.exit
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof ConfigInvalid) return EXIT.usage
  if (error instanceof GatewayRefusal) return EXIT.denied
  if (error instanceof GatewayUnreachable) return EXIT.unreachable
  return EXIT.failed
}

/** Commander has written its own messages; ours are for people, without a stack. */
function messageOf(error: unknown): string | undefined {
  if (error instanceof CommanderError) return undefined
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC') {
    return 'The disk is full. Free some space and start again; nothing that was answered is lost.'
  }
  return error instanceof Error ? error.message : String(error)
}
