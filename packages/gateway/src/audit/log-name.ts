import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { readPrivateFile, writePrivateFile } from '../lib/private-file.ts'

/** The log's name for ever, its origin in checkpoints: drawn once, so that two gateways never share one. */
export function logName(dataDir: string): string {
  const path = join(dataDir, 'log-name')
  const name = readPrivateFile(path)?.toString('utf8').trim()
  if (name) return name
  const drawn = `ostiary.local/${randomBytes(8).toString('hex')}`
  writePrivateFile(path, Buffer.from(`${drawn}\n`))
  return drawn
}
