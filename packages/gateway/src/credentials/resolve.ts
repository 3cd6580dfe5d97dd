import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SecretReference } from '../config/schema.ts'
import { Secret } from '../lib/secret.ts'
import { refuse } from '../model/refusal.ts'
import type { Secrets } from './secrets.ts'

const MAX_FILE = 65_536

/** Turns references of the configuration into values. @throws Refusal CREDENTIAL_UNAVAILABLE naming the reference, never the value */
export class References {
  readonly #dir: string
  readonly #env: NodeJS.ProcessEnv
  readonly #secrets: Pick<Secrets, 'open'>

  constructor(options: { dir: string; env: NodeJS.ProcessEnv; secrets: Pick<Secrets, 'open'> }) {
    this.#dir = options.dir
    this.#env = options.env
    this.#secrets = options.secrets
  }

  async resolve(server: string, reference: SecretReference): Promise<Secret> {
    if ('env' in reference) {
      const value = this.#env[reference.env]
      return value === undefined || value === ''
        ? refuse('CREDENTIAL_UNAVAILABLE', {
            server,
            detail: `the environment variable ${reference.env} is not set`,
          })
        : new Secret(value)
    }
    if ('file' in reference)
      return await this.#file(server, resolve(this.#dir, reference.file), reference.file)
    return await this.#secrets.open(reference.broker.slice('sealed:'.length))
  }

  async #file(server: string, path: string, shown: string): Promise<Secret> {
    const unavailable = (detail: string) => refuse('CREDENTIAL_UNAVAILABLE', { server, detail })
    const info = await stat(path).catch(() => unavailable(`the file ${shown} cannot be read`))
    if (process.platform !== 'win32' && (info.mode & 0o077) !== 0) {
      return unavailable(`the file ${shown} can be read by other accounts; run: chmod 600 ${shown}`)
    }
    if (info.size > MAX_FILE) return unavailable(`the file ${shown} is larger than ${MAX_FILE} bytes`)
    return new Secret((await readFile(path, 'utf8')).replace(/\r?\n$/, ''))
  }
}
