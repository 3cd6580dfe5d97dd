import { inspect } from 'node:util'

const HIDDEN = '[secret]'

/** A value that never shows in a log, an error or JSON by accident; only `reveal` gives it, at the place where it is used. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return HIDDEN
  }

  toJSON(): string {
    return HIDDEN
  }

  [inspect.custom](): string {
    return HIDDEN
  }
}
