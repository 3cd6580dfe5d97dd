import { seal, unseal } from './seal.ts'

const VERSION = 1

/** Content of a call that the log keeps so that only whoever has the key can read it; bound to the call. */
export class SealedContents {
  readonly #kek: Buffer

  constructor(kek: Buffer) {
    this.#kek = kek
  }

  /** Base64. */
  seal(call: string, content: string): string {
    return seal(this.#kek, nameOf(call), VERSION, content)
  }

  /** @throws SealBroken */
  open(call: string, sealed: string): string {
    return unseal(this.#kek, nameOf(call), VERSION, sealed).reveal()
  }
}

/** No secret has such a name. */
const nameOf = (call: string): string => `content:${call}`
