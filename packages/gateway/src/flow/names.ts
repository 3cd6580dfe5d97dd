import { plain } from './canonical.ts'
import { entitiesIn, placesOf, says } from './entities.ts'
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
 * to everybody`: so a name counts only where the request writes it as one, and where no other record of its kind has it, or a name that
 * shares words of the request with it.
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

  isNamed({ type, id, names, isAsked }: FlowRecord): boolean {
    this.#catchUp()
    const said = this.#said.get(type)
    if (!said || said.size > MAX_SAID) return false
    return names.slice(0, MAX_NAMES).some((name) => {
      const wanted = plain(name)
      const ids = said.get(wanted)
      if (ids?.size !== 1 || !isWritten(this.#written, name, isAsked ? type : undefined)) return false
      const others = [...said].filter(([other, its]) => other !== wanted && !(its.size === 1 && its.has(id)))
      const taken = others.flatMap(([other]) =>
        [...placesOf(this.#plain, other)].map((at) => [at, at + other.length] as const),
      )
      return [...placesOf(this.#plain, wanted)].some((at) =>
        taken.every(([from, to]) => to <= at || from >= at + wanted.length),
      )
    })
  }

  /** One look at each name, however often it is asked for. */
  #catchUp(): void {
    for (; this.#read < this.#records.length; this.#read++) {
      const { type, id, names } = this.#records[this.#read] as FlowRecord
      for (const name of names.slice(0, MAX_NAMES)) {
        if (name.length < MIN_NAME || !says(this.#plain, name) || isOther(name)) continue
        const said = this.#said.get(type) ?? new Map<string, Set<string>>()
        this.#said.set(type, said)
        const ids = said.get(plain(name)) ?? new Set()
        said.set(plain(name), ids.add(id))
      }
    }
  }
}

/**
 * Whether a text writes something as a name: in quotes, with a capital or a sign that no common word has, or, where the agent
 * asked for it by that name (the members of the team channel), beside the word for its kind: of what was found, anybody may have written
 * `the latest` above a mail.
 */
function isWritten(text: string, name: string, type: string | undefined): boolean {
  const wanted = name.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase()
  const lower = text.toLowerCase()
  // A letter whose small form is longer would shift what follows.
  if (lower.length !== text.length) return false
  const kinds = (type?.split('-') ?? []).flatMap((word) => [word, `${word}s`])
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

const DAY =
  /^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|november|december|[\d\s.,:/-]+)$/i

/** An address, a day or a number is said for itself and names no record. */
const isOther = (name: string): boolean =>
  DAY.test(name.trim()) || entitiesIn(name.slice(0, 500)).some(({ kind }) => kind !== 'url')
