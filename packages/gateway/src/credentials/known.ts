/** Short secrets would match by chance. */
const MIN_LEAK = 8
/** Values that were replaced while their system may still take them, e.g. during the grace of a rotation. */
const MAX_REPLACED = 100

interface Known {
  readonly task: string
  readonly secrets: ReadonlyMap<string, string>
}

/**
 * Secrets that an upstream may say, for recognising them in content. One is known before it is used for the first time, and until it is
 * certain that it opens nothing: also while it is being replaced, and while it cannot be revoked.
 */
export class KnownSecrets {
  readonly #byLease = new Map<string, Known>()
  readonly #replaced = new Map<string, string>()

  learn(lease: string, task: string, secrets: ReadonlyMap<string, string>): void {
    this.#byLease.set(lease, { task, secrets })
  }

  /** The lease is over, and what it held is dead. */
  forget(lease: string): void {
    this.#byLease.delete(lease)
  }

  forgetTask(task: string): void {
    for (const [lease, known] of this.#byLease) if (known.task === task) this.#byLease.delete(lease)
  }

  /** Something else is used from now on, but nobody can say that this is dead. */
  replaced(lease: string): void {
    for (const [name, value] of this.#byLease.get(lease)?.secrets ?? []) {
      this.#replaced.delete(value)
      this.#replaced.set(value, name)
      const oldest = this.#replaced.keys().next().value
      if (this.#replaced.size > MAX_REPLACED && oldest !== undefined) this.#replaced.delete(oldest)
    }
  }

  /** By a name that is told to agents: it says which credential, and nothing of other tasks. */
  all(): ReadonlyMap<string, string> {
    const values = new Map<string, string>()
    for (const [value, name] of this.#replaced) values.set(value, name)
    for (const { secrets } of this.#byLease.values())
      for (const [name, value] of secrets) values.set(value, name)
    const known = new Map<string, string>()
    for (const [value, name] of values) {
      if (value.length >= MIN_LEAK) known.set(free(known, name), value)
    }
    return known
  }
}

function free(taken: ReadonlyMap<string, string>, name: string): string {
  if (!taken.has(name)) return name
  let n = 2
  while (taken.has(`${name} (${n})`)) n++
  return `${name} (${n})`
}

/** A text for people, e.g. what a server wrote to its error output. */
export function withoutSecrets(text: string, known: ReadonlyMap<string, string>): string {
  let out = text
  // The longest first: an address holds its password.
  for (const [name, value] of [...known].sort(([, a], [, b]) => b.length - a.length))
    out = out.replaceAll(value, () => `[${name}]`)
  return out
}
