import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InstanceKey } from './key.ts'
import { privateFolder, syncFolder, writePrivate } from './private-file.ts'
import { member } from './problem.ts'

/** Who this instance is and where its gateway is. */
export interface Identity {
  readonly instance: string
  readonly agent: string
  /** Base address of the gateway, without a slash at the end. */
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
    const identity = this.#identity()
    if (!identity) {
      throw new Error(
        `There is no enrolled instance in ${this.#dir}. Enrol one: ostiary agent join --gateway <url> --state ${this.#dir}`,
      )
    }
    privateFolder(this.#dir)
    const key = InstanceKey.load(this.#key)
    if (!key) throw new Error(`The key in ${this.#dir} is gone. Enrol again with a new code.`)
    return { identity, key, next: InstanceKey.load(this.#next) }
  }

  /** Throws now what {@link enrolled} would throw after the one-time code is used up. */
  prepare(): void {
    privateFolder(this.#dir)
    writePrivate(join(this.#dir, 'join.tmp'), '')
    rmSync(join(this.#dir, 'join.tmp'), { force: true })
  }

  enrolled(identity: Identity, key: InstanceKey): void {
    this.#drop()
    key.save(this.#key)
    writePrivate(join(this.#dir, 'instance.json'), `${JSON.stringify(identity, null, 2)}\n`)
  }

  /**
   * Keeps a new key on disk before the gateway hears of it, so that a crash in between loses neither.
   * @returns false when another new key is there already
   */
  prepareNext(key: InstanceKey): boolean {
    return key.saveNew(this.#next)
  }

  /** Milliseconds since the new key was made; undefined when there is none. */
  nextAge(): number | undefined {
    const info = statSync(this.#next, { throwIfNoEntry: false })
    return info && Date.now() - info.mtimeMs
  }

  /** The gateway has confirmed the new key: it becomes the key in one step, and only then stops being the next. */
  promote(next: InstanceKey): void {
    next.save(this.#key)
    this.dropNext(next)
  }

  /** Forgets a new key that the gateway does not know. One that another process made meanwhile stays. */
  dropNext(next: InstanceKey): void {
    if (InstanceKey.load(this.#next)?.thumbprint === next.thumbprint) this.#drop()
  }

  get #key(): string {
    return join(this.#dir, 'key.pem')
  }

  get #next(): string {
    return join(this.#dir, 'key.next.pem')
  }

  #drop(): void {
    rmSync(this.#next, { force: true })
    syncFolder(this.#dir)
  }

  #identity(): Identity | undefined {
    try {
      return readIdentity(JSON.parse(readFileSync(join(this.#dir, 'instance.json'), 'utf8')))
    } catch {
      return undefined
    }
  }
}

/** What {@link Keys} needs of where an instance is kept. */
export type KeptInstance = Pick<InstanceState, 'load' | 'prepareNext' | 'nextAge' | 'promote' | 'dropNext'>

/** An instance that is kept nowhere: it is gone with its process, and takes no new key. */
export class MemoryState implements KeptInstance {
  readonly #held: { identity: Identity; key: InstanceKey }

  constructor(held: { identity: Identity; key: InstanceKey }) {
    this.#held = held
  }

  load() {
    return { ...this.#held, next: undefined }
  }

  prepareNext(): boolean {
    return false
  }

  nextAge(): undefined {
    return undefined
  }

  promote(): void {}

  dropNext(): void {}
}

/** Undefined when it is not the identity of an instance. */
export function readIdentity(value: unknown): Identity | undefined {
  const instance = member(value, 'instance')
  const agent = member(value, 'agent')
  const issuer = member(value, 'issuer')
  if (typeof instance !== 'string' || typeof agent !== 'string' || typeof issuer !== 'string')
    return undefined
  return /^https?:$/.test(URL.parse(issuer)?.protocol ?? '') ? { instance, agent, issuer } : undefined
}
