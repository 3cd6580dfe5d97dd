import type { CanonicalKey } from './canonical.ts'
import { joinedKey, keysOf, plain } from './canonical.ts'
import { entitiesIn } from './entities.ts'
import { Memory } from './memory.ts'
import { Names } from './names.ts'
import type { Origin } from './origin.ts'
import { isConfidential } from './origin.ts'
import type { Leaf } from './paths.ts'
import type { FlowRecord } from './records.ts'
import { requestKeys } from './request.ts'
import { shinglesOf } from './shingles.ts'
import { Writings } from './writings.ts'

/** Values, shingles and records that one task may fill. About 30 MB at the most. */
export interface Bounds {
  readonly values: number
  readonly shingles: number
  readonly records: number
}

const BOUNDS: Bounds = { values: 100_000, shingles: 200_000, records: 20_000 }
/** More places a value came from make no difference to what it may do. */
const MAX_ORIGINS = 8
const NOTHING: ReadonlySet<CanonicalKey> = new Set()
/** Shorter texts than this say nothing about where they came from. */
const MIN_CONFIDENTIAL = 6

/**
 * Everything that has entered one task, by value: where each came from and what labels it carries. When it is full nothing more is
 * learned as trusted, and the task counts as holding both untrusted and confidential content (towards the safe side).
 */
export class Provenance {
  readonly #values = new Map<CanonicalKey, Origin[]>()
  readonly #shingles = new Map<number, Origin>()
  readonly #records = new Map<string, FlowRecord>()
  /** By whom they list. */
  readonly #listing = new Map<CanonicalKey, FlowRecord[]>()
  #listed = 0
  readonly #names = new Names()
  readonly #tainted = new Set<string>()
  /** What a person has endorsed, and who did. */
  readonly #endorsed = new Map<string, string>()
  readonly #bounds: Bounds
  /** Of the instance that opened the task. */
  readonly #memory: Memory
  readonly #writings: Writings
  #request = ''
  #requestText = ''
  #requestWords: readonly string[] = []
  #hasRequest = false
  #isFull = false
  #isHostile = false
  #hasUntrusted = false
  #hasConfidential = false

  constructor(bounds: Bounds = BOUNDS, memory = new Memory(), writings = new Writings()) {
    this.#bounds = bounds
    this.#memory = memory
    this.#writings = writings
  }

  /** The person's own words. Several turns add up. */
  learnRequest(text: string): void {
    this.#hasRequest = true
    this.#request = `${this.#request}\n${text}`
    this.#names.hear(this.#request)
    this.#requestText = `${this.#requestText}\n${plain(text)}`
    this.#requestWords = [...new Set(this.#requestText.match(/[\p{L}\p{N}]+/gu))]
    const origin: Origin = {
      source: { kind: 'request' },
      isTrusted: true,
      confidentiality: 'internal',
      readers: [],
    }
    for (const key of requestKeys(text)) this.#add(key, origin)
  }

  /** One trusted value from outside the results: the subject of the task, an own address, an endorsed value. */
  learnValue(value: string, origin: Origin): void {
    for (const key of keysOf(value)) this.#add(key, origin)
    for (const { keys } of entitiesIn(value)) for (const key of keys) this.#add(key, origin)
  }

  /** One part of a result. What is in `echoed` went in with the call, so nobody vouches for it by giving it back. */
  learnLeaf({ value }: Leaf, origin: Origin, echoed: ReadonlySet<CanonicalKey> = NOTHING): void {
    if (!origin.isTrusted) this.#hasUntrusted = true
    if (isConfidential(origin)) this.#hasConfidential = true
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return
    const back = givenBack(origin)
    const isBack = (key: CanonicalKey) => echoed.has(key) || this.#writings.has(key)
    // By any of its spellings: an address that went in within a text comes back as a value of its own.
    const keys = keysOf(value)
    const whole = keys.some(isBack) ? back : origin
    for (const key of keys) this.#add(key, whole)
    if (isConfidential(origin) || origin.confidentiality === 'public')
      for (const key of joinedKey(value)) this.#add(key, whole)
    if (typeof value !== 'string') return
    // What stands in free text is never more than text, also in a trusted result: its author is whoever wrote the text.
    for (const { keys } of entitiesIn(value))
      for (const key of keys) this.#add(key, isBack(key) ? back : origin)
    if (isConfidential(origin)) this.#addShingles(value, origin)
  }

  learnRecord(record: FlowRecord): void {
    const key = `${record.type}\n${record.id}`
    const known = this.#records.get(key)
    // What was seen first stays: a later result cannot rename an object to what the request says, nor make one the task's own.
    if (known) return
    this.#listed += record.principals.size
    if (this.#records.size >= this.#bounds.records || this.#listed > this.#bounds.values) return this.#full()
    this.#records.set(key, record)
    this.#names.add(record)
    for (const principal of record.principals) {
      const listing = this.#listing.get(principal)
      if (listing) listing.push(record)
      else this.#listing.set(principal, [record])
    }
  }

  /** What goes into a call. A link that content held before stays one; what somebody trusted said stays said. */
  write(keys: readonly CanonicalKey[], isKept: boolean): void {
    for (const key of keys) {
      if (!isKept && !key.startsWith('url:')) continue
      const origins = this.#values.get(key) ?? []
      const isKnown = key.startsWith('url:') ? origins.length > 0 : origins.some(({ isTrusted }) => isTrusted)
      if (!isKnown) this.#writings.add(key)
    }
  }

  /** Content that cannot be vouched for was written there, so what is read from there later is worth no more. */
  taint(place: string): void {
    this.#tainted.add(place)
  }

  isTainted(place: string): boolean {
    return this.#tainted.has(place)
  }

  /** A detector found an attack: from here on only strict derivations count. */
  markHostile(): void {
    this.#isHostile = true
  }

  /** What has entered before is not known any more, after a restart or to give memory back: the strict form from here on. */
  forget(): void {
    this.#values.clear()
    this.#shingles.clear()
    this.#records.clear()
    this.#listing.clear()
    this.#names.clear()
    this.#full()
  }

  /** More came in than is taken in: towards the safe side from here on. */
  overflow(): void {
    this.#full()
  }

  /** A person takes one finding of the rules on themselves, for this task. */
  endorse(keys: readonly string[], by: string): void {
    for (const key of keys) this.#endorsed.set(key, by)
  }

  endorsedBy(keys: readonly string[]): string | undefined {
    if (this.#endorsed.size === 0) return undefined
    return keys.map((key) => this.#endorsed.get(key)).find((by) => by !== undefined)
  }

  /** Entries held, for bounding the memory of all tasks together. */
  get size(): number {
    return this.#values.size + this.#shingles.size + this.#records.size
  }

  get isHostile(): boolean {
    return this.#isHostile
  }

  get hasRequest(): boolean {
    return this.#hasRequest
  }

  /** The request, as {@link plain} text. */
  get requestText(): string {
    return this.#requestText
  }

  get requestWords(): readonly string[] {
    return this.#requestWords
  }

  /** Only the request, the task and trusted sources count, no resolver. */
  get isStrict(): boolean {
    return !this.#hasRequest || this.#isHostile || this.#isFull
  }

  get holdsUntrusted(): boolean {
    return this.#hasUntrusted || this.#isFull
  }

  get holdsConfidential(): boolean {
    return this.#hasConfidential || this.#isFull || this.#memory.isFull
  }

  /** Something confidential is known that could leave: of this task, or what the instance remembers of others. */
  get canLeak(): boolean {
    return this.holdsConfidential || !this.#memory.isEmpty
  }

  originsOf(keys: readonly CanonicalKey[]): readonly Origin[] {
    return keys.flatMap((key) => this.#values.get(key) ?? [])
  }

  /** With what the instance remembers of its other tasks. */
  confidentialOriginsOf(keys: readonly CanonicalKey[]): readonly Origin[] {
    const all = this.originsOf(keys)
    // What is also known from somewhere public gives nothing away.
    if (all.some(({ confidentiality }) => confidentiality === 'public')) return []
    const own = all.filter(isConfidential)
    return own.length > 0 ? own : this.#memory.originsOf(keys)
  }

  /** Confidential text of which a run of words stands in this one. */
  copiedFrom(text: string): readonly Origin[] {
    const hashes = this.canLeak ? shinglesOf(text) : []
    const own = hashes.flatMap((hash) => this.#shingles.get(hash) ?? [])
    return [
      ...new Set(own.length > 0 ? own : hashes.flatMap((hash) => this.#memory.textOriginOf(hash) ?? [])),
    ]
  }

  record(type: string, id: string): FlowRecord | undefined {
    return this.#records.get(`${type}\n${id}`)
  }

  /** Records that list somebody. */
  listing(keys: readonly CanonicalKey[]): readonly FlowRecord[] {
    return keys.flatMap((key) => this.#listing.get(key) ?? [])
  }

  /** Whether the request calls it by its name. */
  isNamed(record: FlowRecord): boolean {
    return this.#names.isNamed(record)
  }

  #add(key: CanonicalKey, origin: Origin): void {
    if (isConfidential(origin)) this.#memory.add(key, origin)
    const known = this.#values.get(key)
    // A secret is not made public by what an agent may have told a public place since.
    if (origin.confidentiality === 'public' && known?.some(isConfidential)) return
    if (!known) {
      if (this.#values.size >= this.#bounds.values) return this.#full()
      this.#values.set(key, [origin])
    } else if (known.length < MAX_ORIGINS) known.push(origin)
    else if (isConfidential(origin) && !known.some(isConfidential)) known[MAX_ORIGINS - 1] = origin
  }

  #addShingles(text: string, origin: Origin): void {
    if (text.length < MIN_CONFIDENTIAL) return
    this.#memory.addText(text, origin)
    for (const hash of shinglesOf(text)) {
      if (this.#shingles.size >= this.#bounds.shingles) return this.#full()
      this.#shingles.set(hash, origin)
    }
  }

  #full(): void {
    this.#isFull = true
  }
}

/** What a tool only gives back is neither vouched for nor made public by it. */
const givenBack = (origin: Origin): Origin => ({
  ...origin,
  isTrusted: false,
  isGivenBack: true,
  confidentiality: origin.confidentiality === 'public' ? 'internal' : origin.confidentiality,
})
