import { equal } from './bytes.ts'
import type { KeyKind, VerifierKey } from './vkey.ts'
import { parseVkey } from './vkey.ts'

const MAX_TEXT = 1_048_576
/** Of logs, of witnesses and of groups. C2SP tlog-policy wants at least 32. */
const MAX_LINES = 256

export interface PolicyLog {
  readonly key: VerifierKey
  readonly url: string | undefined
}

export interface PolicyWitness {
  /** As the policy calls it; the name in its key may be another. */
  readonly name: string
  readonly key: VerifierKey
  /** Submission prefix of C2SP tlog-witness. */
  readonly url: string | undefined
}

/** Whom to believe a checkpoint (C2SP tlog-policy). */
export interface Policy {
  /** Empty: the log is known from elsewhere. */
  readonly logs: readonly PolicyLog[]
  readonly witnesses: readonly PolicyWitness[]
  /** True when these witnesses, by their names in the policy, are enough. */
  isQuorum(names: ReadonlySet<string>): boolean
}

/** For a log that is known from elsewhere, and nobody besides it. */
export const LOG_ALONE: Policy = { logs: [], witnesses: [], isQuorum: () => true }

export type PolicyParse = { readonly policy: Policy } | { readonly line: number; readonly problem: string }

type Witnessed = (names: ReadonlySet<string>) => boolean

class Wrong extends Error {}

/** Reads a policy file, or says what is wrong in which line, counted from 1. */
export function parsePolicy(text: string): PolicyParse {
  const reader = new PolicyReader()
  if (text.length > MAX_TEXT) return { line: 1, problem: `a policy has at most ${MAX_TEXT} bytes` }
  const lines = text.split('\n')
  for (const [i, line] of lines.entries()) {
    try {
      reader.read(line)
    } catch (error) {
      if (!(error instanceof Wrong)) throw error
      return { line: i + 1, problem: error.message }
    }
  }
  const policy = reader.policy()
  return policy ? { policy } : { line: lines.length, problem: 'there is no `quorum` line' }
}

class PolicyReader {
  readonly #logs: PolicyLog[] = []
  readonly #witnesses: PolicyWitness[] = []
  /** Witnesses and groups share their names. */
  readonly #names = new Map<string, Witnessed>()
  readonly #members = new Set<string>()
  #quorum: Witnessed | undefined

  read(line: string): void {
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) throw new Wrong('a control character')
    const words = line.split(/[ \t]+/).filter((word) => word !== '')
    const [kind, ...rest] = words
    if (kind === undefined || kind.startsWith('#')) return
    if (kind === 'log') this.#log(rest)
    else if (kind === 'witness') this.#witness(rest)
    else if (kind === 'group') this.#group(rest)
    else if (kind === 'quorum') this.#setQuorum(rest)
    else throw new Wrong('a line begins with `log`, `witness`, `group` or `quorum`')
  }

  policy(): Policy | undefined {
    const isQuorum = this.#quorum
    return isQuorum && { logs: this.#logs, witnesses: this.#witnesses, isQuorum }
  }

  #log([vkey = '', url, ...more]: string[]): void {
    if (more.length > 0) throw new Wrong('write `log <vkey> [<url>]`')
    const key = keyOf(vkey, ['ed25519'], 'a log')
    if (holds(this.#logs, key)) throw new Wrong('this log is listed already')
    if (this.#logs.length >= MAX_LINES) throw new Wrong(`more than ${MAX_LINES} logs`)
    this.#logs.push({ key, url })
  }

  #witness([name = '', vkey = '', url, ...more]: string[]): void {
    if (more.length > 0) throw new Wrong('write `witness <name> <vkey> [<url>]`')
    const key = keyOf(vkey, ['cosignature/v1', 'ml-dsa-44'], 'a witness')
    if (holds(this.#witnesses, key)) throw new Wrong('a witness with this key is listed already')
    if (this.#witnesses.length >= MAX_LINES) throw new Wrong(`more than ${MAX_LINES} witnesses`)
    this.#define(name, (names) => names.has(name))
    this.#witnesses.push({ name, key, url })
  }

  #group([name = '', threshold = '', ...members]: string[]): void {
    if (members.length === 0) throw new Wrong('write `group <name> all|any|<number> <member>...`')
    const k = threshold === 'all' ? members.length : threshold === 'any' ? 1 : decimal(threshold)
    if (k < 1 || k > members.length)
      throw new Wrong(`\`${name}\` cannot have ${k} of ${members.length} members`)
    const rules = members.map((member) => {
      const rule = this.#rule(member)
      if (this.#members.has(member)) throw new Wrong(`\`${member}\` is in a group already`)
      this.#members.add(member)
      return rule
    })
    if (this.#names.size >= 2 * MAX_LINES) throw new Wrong(`more than ${MAX_LINES} groups`)
    this.#define(name, (names) => rules.filter((rule) => rule(names)).length >= k)
  }

  #setQuorum([name = '', ...more]: string[]): void {
    if (name === '' || more.length > 0) throw new Wrong('write `quorum <name>` or `quorum none`')
    if (this.#quorum) throw new Wrong('there is a `quorum` line already')
    this.#quorum = name === 'none' ? () => true : this.#rule(name)
  }

  #define(name: string, rule: Witnessed): void {
    if (name === 'none') throw new Wrong('`none` is not a name')
    if (this.#names.has(name)) throw new Wrong(`there is a \`${name}\` already`)
    this.#names.set(name, rule)
  }

  #rule(name: string): Witnessed {
    const rule = this.#names.get(name)
    if (!rule) throw new Wrong(`no line above defines \`${name}\``)
    return rule
  }
}

function keyOf(vkey: string, kinds: readonly KeyKind[], whose: string): VerifierKey {
  const key = parseVkey(vkey)
  if (!key) throw new Wrong(`the key of ${whose} is malformed or of an unknown type`)
  if (!kinds.includes(key.kind)) throw new Wrong(`a key of the type ${key.kind} is not for ${whose}`)
  return key
}

/** The same public key under another name is the same. */
const holds = (list: readonly { readonly key: VerifierKey }[], { key }: VerifierKey): boolean =>
  list.some((other) => equal(other.key.key, key))

function decimal(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Wrong('a threshold is `all`, `any` or a number from 1')
  return Number(text)
}
