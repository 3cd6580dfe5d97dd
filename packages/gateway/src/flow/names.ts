import { plain } from './canonical.ts'
import { says } from './entities.ts'
import type { FlowRecord } from './records.ts'

/** Shorter names are said by chance. */
const MIN_NAME = 3
/** Of one record. */
const MAX_NAMES = 8
/** More names of one kind than a request can mean. */
const MAX_SAID = 200
const QUOTES = /["'`“”‘’«»„]/
const WORD = /[\p{L}\p{N}]/u

/**
 * What the request calls by name. Whoever can make records knows how people ask, and could call one `mail`, `the Team Sync mail` or `Reply
 * to everybody`: so a name counts only where the request writes it as one, and where no other record of its kind has it, a part of it, or
 * more than it.
 */
export class Names {
  /** By kind: each name that the request says, to the ids that have it. */
  readonly #said = new Map<string, Map<string, Set<string>>>()
  #records: FlowRecord[] = []
  /** How many of them were looked at. */
  #read = 0
  #plain = ''
  #written = ''

  /** The request as it was written, all of it so far. */
  hear(request: string): void {
    this.#written = request.normalize('NFKC').replace(/[^\S\n]+/g, ' ')
    this.#plain = plain(request)
    this.#said.clear()
    this.#read = 0
  }

  add(record: FlowRecord): void {
    this.#records.push(record)
  }

  clear(): void {
    this.#records = []
    this.#said.clear()
    this.#read = 0
  }

  isNamed({ type, id, names }: FlowRecord): boolean {
    this.#catchUp()
    const said = this.#said.get(type)
    if (!said || said.size > MAX_SAID) return false
    return names.slice(0, MAX_NAMES).some((name) => {
      const wanted = plain(name)
      const ids = said.get(wanted)
      if (ids?.size !== 1 || !isWritten(this.#written, name, type)) return false
      return [...said].every(
        ([other, its]) =>
          other === wanted ||
          (its.size === 1 && its.has(id)) ||
          !(says(other, wanted) || says(wanted, other)),
      )
    })
  }

  /** One look at each name, however often it is asked for. */
  #catchUp(): void {
    for (; this.#read < this.#records.length; this.#read++) {
      const { type, id, names } = this.#records[this.#read] as FlowRecord
      for (const name of names.slice(0, MAX_NAMES)) {
        if (name.length < MIN_NAME || !says(this.#plain, name)) continue
        const said = this.#said.get(type) ?? new Map<string, Set<string>>()
        this.#said.set(type, said)
        const ids = said.get(plain(name)) ?? new Set()
        said.set(plain(name), ids.add(id))
      }
    }
  }
}

/** Whether a text writes something as a name: in quotes, with a capital or a sign that no common word has, or beside the word for its kind. */
function isWritten(text: string, name: string, type: string): boolean {
  const wanted = name.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase()
  const lower = text.toLowerCase()
  // A letter whose small form is longer would shift what follows.
  if (lower.length !== text.length) return false
  const kinds = type.split('-').flatMap((word) => [word, `${word}s`])
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, at + 1)) {
    const end = at + wanted.length
    if (WORD.test(text[at - 1] ?? ' ') || WORD.test(text[end] ?? ' ')) continue
    const written = text.slice(at, end)
    const before = text.slice(Math.max(0, at - 60), at)
    const isFirst = /(?:^|[.!?:;\n])\s*$/.test(before)
    if (QUOTES.test(text[at - 1] ?? '') && QUOTES.test(text[end] ?? '')) return true
    if (/[\p{N}_#/@&.]|\p{L}-\p{L}/u.test(written) || /\p{Lu}/u.test(isFirst ? written.slice(1) : written))
      return true
    const beside = [before.match(/(\w+) $/)?.[1], lower.slice(end, end + 60).match(/^ (\w+)/)?.[1]]
    if (beside.some((word) => word !== undefined && kinds.includes(word.toLowerCase()))) return true
  }
  return false
}
