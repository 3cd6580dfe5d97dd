import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readPrivateFile, writePrivateFile } from '../lib/private-file.ts'

/** The key that is to sign the log has another name than the log. */
export class LogNameTaken extends Error {
  override name = 'LogNameTaken'
}

/**
 * The log's name for ever, its origin in checkpoints: that of the key where the key is kept elsewhere, drawn once where it is not, so that
 * two gateways never share one. @throws LogNameTaken when the log has another name than `wanted`
 */
export function logName(dataDir: string, wanted?: string): string {
  const path = join(dataDir, 'log-name')
  const name = readPrivateFile(path)?.toString('utf8').trim()
  if (name) {
    if (wanted !== undefined && wanted !== name)
      throw new LogNameTaken(
        `The log in ${dataDir} is called ${name}, and the key of \`audit.signer\` ${wanted}. A log keeps its name and key: give the signer the key of this log, or begin a new data folder.`,
      )
    return name
  }
  const drawn = wanted ?? `ostiary.local/${randomBytes(8).toString('hex')}`
  writePrivateFile(path, Buffer.from(`${drawn}\n`))
  return drawn
}
