import type { FlowConfig } from '../config/flow-schema.ts'
import type { Labels } from '../config/label-schema.ts'
import type { JsonObject } from '../model/json.ts'
import type { Task } from '../model/task.ts'
import type { DecodedLeaf, Judgement } from './judge.ts'
import { judge } from './judge.ts'
import type { Effect, ToolLabel } from './labels.ts'
import { labelBook } from './labels.ts'
import { keysIn, learn } from './learn.ts'
import { Memory } from './memory.ts'
import type { Origin, Source } from './origin.ts'
import { leavesOf } from './paths.ts'
import { Provenance } from './provenance.ts'
import { Writings } from './writings.ts'

/** The task a value belongs to. Sub-agents share what their root task has seen, so nothing is laundered by handing it on. */
export type FlowTask = Pick<Task, 'id' | 'txn'>

/** A call that is about to be made. */
export interface FlowCall {
  readonly task: FlowTask
  /** `cal_…` */
  readonly call: string
  /** `server/name`. */
  readonly tool: string
  readonly args: JsonObject
  /** What else goes to the server with it. */
  readonly beside?: JsonObject | undefined
  /** Other forms that can be read in them. */
  readonly decoded: readonly DecodedLeaf[]
  /** A detector found something in it that reads like an attack. */
  readonly isSuspect: boolean
}

/** What came back, before the agent sees it. */
export interface FlowResult {
  readonly task: FlowTask
  readonly call: string
  readonly tool: string
  /** Of the call: what only comes back is not vouched for. */
  readonly args: JsonObject
  /** All that went in, also beside the arguments. */
  readonly sent?: JsonObject | undefined
  readonly result: JsonObject
  readonly isSuspect: boolean
}

/** What a task holds, as policies and people see it. */
export interface FlowState {
  readonly hasRequest: boolean
  readonly holdsUntrusted: boolean
  readonly holdsConfidential: boolean
  readonly isHostile: boolean
}

export interface FlowVerdict extends Judgement {
  readonly effect: Effect
  /** A problem holds the call; otherwise it is only recorded. */
  readonly isEnforced: boolean
  readonly state: FlowState
}

/** The person's request, and who says that it is. */
export interface PersonsRequest {
  readonly text: string
  /** Name of the signer; undefined when only the holder of the instance's key passes it on. */
  readonly signedBy: string | undefined
  /** The subject of the task, where the signer names it. */
  readonly subject: string | undefined
  /** What a signed one is remembered by. */
  readonly proof: string | undefined
}

/** What a person says on the model leg: the turns of a conversation so far. */
export interface PersonsWords {
  readonly task: FlowTask
  readonly words: readonly string[]
}

export type FlowSettings = { readonly flow: FlowConfig; readonly labels: Labels }

/** Entries of all tasks together, about 1 GB at the most. */
const MAX_ENTRIES = 4_000_000
const MAX_REQUEST = 16_384
/** Instances of which it is known what they may remember. */
const MAX_INSTANCES = 10_000
/** Entries of what all instances may remember. */
const MAX_REMEMBERED = 2_000_000

/**
 * What every open task has seen, by value. In the memory of the owner only: after a restart, and for the largest task when memory runs
 * short, nothing is known any more and the strict form applies.
 */
export class FlowTasks {
  readonly #settings: () => FlowSettings
  readonly #mostEntries: number
  readonly #tasks = new Map<string, Provenance>()
  /** How many turns were heard on the model leg, by tree of tasks. */
  readonly #heard = new Map<string, number>()
  /** By instance. */
  readonly #memories = new Map<string, Memory>()
  readonly #writings = new Writings()
  #entries = 0
  #book: { readonly labels: Labels; readonly of: (tool: string) => ToolLabel } | undefined

  /** @param mostEntries that all tasks together may hold */
  constructor(settings: () => FlowSettings, mostEntries = MAX_ENTRIES) {
    this.#settings = settings
    this.#mostEntries = mostEntries
  }

  /** A task begins. What its agent says of it counts only where the configuration lets an agent's word count. */
  open(task: Task, request: PersonsRequest | undefined): void {
    const provenance = new Provenance(undefined, this.#memoryOf(task.instance), this.#writings)
    const { flow } = this.#settings()
    const trust = (value: string, source: Source) => provenance.learnValue(value, trusted(source))
    for (const value of flow.trusted) trust(value, { kind: 'configured' })
    if (task.vouched !== 'agent') trust(task.onBehalfOf, { kind: 'identity' })
    const subject = flow.requests === 'claimed' ? task.subject : request?.subject
    if (subject !== undefined) trust(subject, { kind: 'task', what: 'subject' })
    if (request && this.#counts(request)) provenance.learnRequest(request.text.slice(0, MAX_REQUEST))
    this.#tasks.set(task.txn, provenance)
    this.#measure(0, provenance)
  }

  /**
   * Words of the person on the model leg. They are the agent's word for it, so they count only until the task has seen content that could
   * have changed its mind; and what was said at the opening is not added to.
   */
  hear({ task, words }: PersonsWords): void {
    const provenance = this.#tasks.get(task.txn)
    if (!provenance || provenance.holdsUntrusted || !this.#counts({ signedBy: undefined })) return
    if (provenance.hasRequest && !this.#heard.has(task.txn)) return
    const text = words
      .slice(this.#heard.get(task.txn) ?? 0)
      .join('\n')
      .slice(0, MAX_REQUEST)
    this.#heard.set(task.txn, words.length)
    if (text !== '') this.#changing(provenance, () => provenance.learnRequest(text))
  }

  judge({ task, tool, args, beside, decoded, isSuspect }: FlowCall): FlowVerdict {
    const provenance = this.#of(task)
    if (isSuspect) provenance.markHostile()
    const label = this.label(tool)
    const judgement = judge(label, args, provenance, { decoded, beside })
    const isEnforced = this.#settings().flow.mode === 'enforce'
    // Before it is made, so that what is read there meanwhile is worth no more.
    if (judgement.problems.length === 0 || !isEnforced) {
      if (judgement.taints) provenance.taint(label.place)
      for (const leaf of leavesOf(args)) provenance.write(keysIn(leaf), label.effect !== 'read')
    }
    return { ...judgement, effect: label.effect, isEnforced, state: stateOf(provenance) }
  }

  learn({ task, tool, isSuspect, ...rest }: FlowResult): void {
    const provenance = this.#tasks.get(task.txn)
    if (!provenance) return
    this.#changing(provenance, () => learn(provenance, this.label(tool), rest))
    if (isSuspect) provenance.markHostile()
  }

  endorse({ txn }: FlowTask, keys: readonly string[], by: string): void {
    this.#tasks.get(txn)?.endorse(keys, by)
  }

  state({ txn }: FlowTask): FlowState | undefined {
    const provenance = this.#tasks.get(txn)
    return provenance && stateOf(provenance)
  }

  end({ txn }: FlowTask): void {
    this.#heard.delete(txn)
    const provenance = this.#tasks.get(txn)
    if (!provenance) return
    this.#entries -= provenance.size
    this.#tasks.delete(txn)
  }

  label(tool: string): ToolLabel {
    const { labels } = this.#settings()
    if (this.#book?.labels !== labels) this.#book = { labels, of: labelBook(labels) }
    return this.#book.of(tool)
  }

  #of({ txn }: FlowTask): Provenance {
    const known = this.#tasks.get(txn)
    if (known) return known
    // Open since before this process: whatever it has seen is not known here.
    const lost = new Provenance(undefined, undefined, this.#writings)
    lost.forget()
    this.#tasks.set(txn, lost)
    return lost
  }

  /** The instance is gone, and what it remembered with it. */
  forget(instance: string): void {
    this.#memories.delete(instance)
  }

  #memoryOf(instance: string): Memory {
    const known = this.#memories.get(instance) ?? new Memory()
    this.#memories.delete(instance)
    this.#memories.set(instance, known)
    // Those that opened no task for longest.
    const [oldest] = this.#memories.keys()
    if (oldest !== undefined && this.#memories.size > MAX_INSTANCES) this.#memories.delete(oldest)
    let over = [...this.#memories.values()].reduce((sum, { size }) => sum + size, 0) - MAX_REMEMBERED
    for (const memory of this.#memories.values()) {
      if (over <= 0) break
      over -= memory.size
      memory.overflow()
    }
    return known
  }

  #counts = ({ signedBy }: Pick<PersonsRequest, 'signedBy'>): boolean =>
    signedBy !== undefined || this.#settings().flow.requests === 'claimed'

  #changing(provenance: Provenance, change: () => void): void {
    const before = provenance.size
    change()
    this.#measure(before, provenance)
  }

  #measure(before: number, { size }: Provenance): void {
    this.#entries += size - before
    while (this.#entries > this.#mostEntries) {
      const largest = [...this.#tasks.values()].reduce((a, b) => (b.size > a.size ? b : a))
      this.#entries -= largest.size
      largest.forget()
    }
  }
}

const trusted = (source: Source): Origin => ({
  source,
  isTrusted: true,
  confidentiality: 'internal',
  readers: [],
})

const stateOf = (provenance: Provenance): FlowState => ({
  hasRequest: provenance.hasRequest,
  holdsUntrusted: provenance.holdsUntrusted,
  holdsConfidential: provenance.holdsConfidential,
  isHostile: provenance.isHostile,
})
