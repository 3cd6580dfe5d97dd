import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { privateKey, readPrivateFile } from '../lib/private-file.ts'
import { ProgramFailed, programOutput } from '../lib/program-output.ts'

const BYTES = 32

/** The key that all sealed secrets hang on cannot be had. The message names its source and never the key. */
export class KekUnavailable extends Error {
  override name = 'KekUnavailable'
}

/**
 * The key-encryption key, 32 bytes: a private file in the data folder unless the configuration says where else. A command is how a KMS or an
 * HSM comes in: it prints the key in base64, is run without a shell, and what it writes to its error output is not shown.
 * @throws KekUnavailable, NotPrivate
 */
export async function readKek(
  source: Config['keys']['kek'],
  options: { dataDir: string; env: NodeJS.ProcessEnv },
): Promise<Buffer> {
  if (source === undefined) return privateKey(join(options.dataDir, 'keys', 'kek'))
  if ('env' in source) return decoded(options.env[source.env], `the environment variable ${source.env}`)
  if ('file' in source)
    return decoded(readPrivateFile(source.file)?.toString('utf8'), `the file ${source.file}`)
  const { command } = source
  return decoded(await printed(command), `the command ${command[0]}`)
}

async function printed(command: readonly string[]): Promise<string> {
  try {
    return await programOutput(command)
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error
    throw new KekUnavailable(`the command ${command[0]} for the key of sealed secrets ${error.message}.`)
  }
}

function decoded(text: string | undefined, what: string): Buffer {
  const key = Buffer.from((text ?? '').trim(), 'base64')
  if (key.length !== BYTES)
    throw new KekUnavailable(
      `${what} does not give a key of 32 bytes in base64. Check \`keys.kek\` in ostiary.yaml.`,
    )
  return key
}
