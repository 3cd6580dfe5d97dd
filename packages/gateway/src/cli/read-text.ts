import { readFile } from 'node:fs/promises'

/** Text of an option: as it is given, or `@file`. */
export const readText = async (given: string): Promise<string> =>
  given.startsWith('@') ? (await readFile(given.slice(1), 'utf8')).trim() : given
