import { readFile } from 'node:fs/promises'
import { CommandFailed, EXIT } from './exit.ts'

/** A file somebody named on the command line. @throws CommandFailed */
export const readNamed = (path: string): Promise<Buffer> =>
  readFile(path).catch(() => {
    throw new CommandFailed(`${path} cannot be read.`, EXIT.usage)
  })
