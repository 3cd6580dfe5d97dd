/** What a command's exit code says (docs/reference/cli.md). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  held: 4,
  unverified: 5,
  unreachable: 6,
  interrupted: 130,
} as const

/** Ends a command with a message for people and an exit code. */
export class CommandFailed extends Error {
  override name = 'CommandFailed'
  readonly exit: number
  constructor(message: string, exit: number = EXIT.failed) {
    super(message)
    this.exit = exit
  }
}
