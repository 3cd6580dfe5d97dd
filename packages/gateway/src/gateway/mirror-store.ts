import { resolve as resolvePath } from 'node:path'
import { directoryStore } from '../audit/mirror/directory.ts'
import { s3Store } from '../audit/mirror/s3.ts'
import type { MirrorStore } from '../audit/mirror/store.ts'
import { MirrorFailed } from '../audit/mirror/store.ts'
import type { MirrorConfig } from '../config/mirror-schema.ts'
import type { SecretReference } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { Secret } from '../lib/secret.ts'
import { Refusal } from '../model/refusal.ts'

export interface MirrorStoreDeps {
  /** Folder that paths of the configuration are relative to. */
  readonly dir: string
  readonly clock: Clock
  resolve(server: string, reference: SecretReference): Promise<Secret>
}

/** The second place of a configuration, for the log of that name: each log has a folder of its own there. */
export function mirrorStore(config: MirrorConfig, origin: string, deps: MirrorStoreDeps): MirrorStore {
  if ('directory' in config) return directoryStore(resolvePath(deps.dir, config.directory), origin)
  const { access_key_id, secret_access_key, session_token } = config.s3
  const secret = async (reference: SecretReference) => {
    try {
      return (await deps.resolve('audit.mirror', reference)).reveal()
    } catch (error) {
      if (error instanceof Refusal) throw new MirrorFailed(error.message)
      throw error
    }
  }
  return s3Store({
    config: config.s3,
    name: origin,
    clock: deps.clock,
    credentials: async () => ({
      accessKeyId: await secret(access_key_id),
      secretAccessKey: await secret(secret_access_key),
      ...(session_token === undefined ? {} : { sessionToken: await secret(session_token) }),
    }),
  })
}
