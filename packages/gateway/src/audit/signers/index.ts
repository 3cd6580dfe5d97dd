import { join } from 'node:path'
import { parseVkey } from '@ostiary/evidence'
import type { SignerConfig } from '../../config/signer-schema.ts'
import { logName } from '../log-name.ts'
import { commandSigner } from './command.ts'
import { fileSigner } from './file.ts'
import type { Signer } from './signer.ts'
import { socketSigner } from './socket.ts'

/** The signer that the configuration names; the log is called as its key is. @throws SigningFailed, NotPrivate, LogNameTaken */
export async function openSigner(config: SignerConfig, dataDir: string): Promise<Signer> {
  if (config === 'file') return fileSigner(join(dataDir, 'keys', 'log.key'), logName(dataDir))
  const signer =
    'socket' in config
      ? await socketSigner(config.socket)
      : commandSigner(config.command as [string, ...string[]], config.vkey)
  logName(dataDir, parseVkey(signer.vkey)?.name)
  return signer
}
