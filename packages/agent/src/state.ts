import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { InstanceKey } from './key.ts'
import { writePrivate } from './private-file.ts'

/** Who this instance is and where its gateway is. */
export interface Identity {
  readonly instance: string
  readonly agent: string
  readonly issuer: string
}

/** The private folder of one instance: `instance.json`, `key.pem`, and `key.next.pem` while a rotation is under way. */
export class InstanceState {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  /** @throws with the next step when the instance is not enrolled */
  load(): { identity: Identity; key: InstanceKey; next: InstanceKey | undefined } {
    let identity: Identity
    try {
      identity = JSON.parse(readFileSync(join(this.#dir, 'instance.json'), 'utf8')) as Identity
    } catch {
      throw new Error(
        `There is no enrolled instance in ${this.#dir}. Enrol one: ostiary agent join <code> --gateway <url> --state ${this.#dir}`,
      )
    }
    const key = InstanceKey.load(join(this.#dir, 'key.pem'))
    if (!key) throw new Error(`The key in ${this.#dir} is gone. Enrol again with a new code.`)
    return { identity, key, next: InstanceKey.load(join(this.#dir, 'key.next.pem')) }
  }

  enrolled(identity: Identity, key: InstanceKey): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 })
    key.save(join(this.#dir, 'key.pem'))
    writePrivate(join(this.#dir, 'instance.json'), `${JSON.stringify(identity, null, 2)}\n`)
  }

  /** The new key is on disk before the gateway hears of it, so a crash in between loses neither. */
  prepareNext(key: InstanceKey): void {
    key.save(join(this.#dir, 'key.next.pem'))
  }

  promoteNext(): void {
    renameSync(join(this.#dir, 'key.next.pem'), join(this.#dir, 'key.pem'))
  }

  dropNext(): void {
    rmSync(join(this.#dir, 'key.next.pem'), { force: true })
  }
}
