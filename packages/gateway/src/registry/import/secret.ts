import { inspect } from 'node:util'

/** A secret value on its way from a client's file into the store. Prints as `[secret]` wherever it is printed by mistake. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself, to seal it. MUST NOT be printed or logged. */
  expose(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}
