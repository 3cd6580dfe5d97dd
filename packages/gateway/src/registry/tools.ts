import type { ServerConfig } from '../config/schema.ts'
import type { Clock } from '../lib/clock.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'
import { Refusal, refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { ToolRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { Allowance } from './allowance.ts'
import type { Change } from './drift.ts'
import { diffDefinitions } from './drift.ts'
import type { Finding, Inspector } from './findings.ts'
import type { Listed, Seen } from './listing.ts'
import { MAX_DEFINITIONS, readListing } from './listing.ts'
import { Look } from './look.ts'
import type { ToolKind } from './reference.ts'
import { keyOf, parseReference, referTo } from './reference.ts'
import { writeRow } from './rows.ts'
import { registerServers } from './servers.ts'
import type { Transition } from './transitions.ts'
import { changeData, transition } from './transitions.ts'
import { assess, check } from './vetting.ts'
import type { ToolDetails, ToolSummary, ToolView } from './views.ts'
import { detailsOf, summaryOf, viewOf } from './views.ts'

export type { Seen, ToolDetails, ToolKind, ToolSummary, ToolView }

export type Operator = Extract<LogActor, { kind: 'operator' }>

export interface RegistryDeps {
  readonly store: Store
  readonly recorder: Recorder
  readonly bus: Bus
  readonly clock: Clock
  readonly inspector: Inspector
}

const NOTHING: ReadonlyMap<string, ToolView> = new Map()
/** Log entries on their way to the disk at one time. */
const APPENDS = 64
const ATTEMPTS = 3

export interface ApproveOptions {
  /** Codes of severe findings that the person has read and takes. */
  readonly accept?: readonly string[] | undefined
  /** Takes them all, whatever they are. */
  readonly despite?: boolean
  readonly digest?: string | undefined
}

const codesOf = (findings: readonly Finding[]): string[] =>
  [...new Set(findings.map(({ code }) => code))].sort()

/** One server's definitions in memory, by `kind:name`. */
interface Shelf {
  readonly rows: Map<string, ToolRow>
  readonly views: Map<string, ToolView>
  /** Revocations that hold in memory but are not written yet, because the log or the store failed. */
  readonly unsaved: Map<string, Transition>
}

/** WHAT: tools and prompts of all servers. Proposed when first seen, usable when approved, quarantined when they change. */
export class Registry implements Disposable {
  readonly #d: RegistryDeps
  readonly #shelves = new Map<string, Shelf>()
  /** Servers whose rows could not be read again after a change elsewhere: nothing of theirs is usable until they were. */
  readonly #stale = new Set<string>()
  readonly #allowance = new Allowance()
  readonly #looks: Look
  #last: Promise<unknown> = Promise.resolve()
  #publishing: string | undefined
  #unsubscribe = () => {}

  constructor(deps: RegistryDeps) {
    this.#d = deps
    this.#looks = new Look(deps.inspector, () => this.#rows())
  }

  /** Reads everything into memory and follows changes made elsewhere. Call once before anything else. */
  async load(): Promise<void> {
    this.#unsubscribe()
    this.#unsubscribe = this.#d.bus.subscribe(
      ({ topic, id }) => {
        if (topic === 'registry' && id !== this.#publishing) void this.#follow(id)
      },
      () => this.#serially(() => this.#readAll()),
    )
    await this.#serially(() => this.#readAll())
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  /** Registers what the configuration names; records additions, changed launches and removals. */
  configure(servers: Readonly<Record<string, ServerConfig>>): Promise<void> {
    return this.#serially(async () => {
      for (const server of await registerServers(this.#d, servers)) {
        await this.#read(server)
        this.#allowance.forget(server)
        await this.#publish(server)
      }
    })
  }

  /** By `kind:name`. */
  view(server: string): ReadonlyMap<string, ToolView> {
    return this.#stale.has(server) ? NOTHING : (this.#shelves.get(server)?.views ?? NOTHING)
  }

  /** Every definition known, for the policy schema. */
  all(): readonly ToolView[] {
    return [...this.#shelves.keys()].flatMap((server) => [...this.view(server).values()])
  }

  check(server: string, kind: ToolKind, name: string, args?: JsonObject): Reason | undefined {
    return check(this.view(server), server, kind, name, args)
  }

  /**
   * Compares what a server offers now with what is known. An unchanged listing costs its digests and no write.
   * What is no longer approved is blocked here at once, even when neither log nor store can take it.
   * @throws Refusal TOOL_UNVERIFIED when the listing is beyond all bounds; AuditUnavailable
   */
  async observe(server: string, seen: Seen): Promise<ReadonlyMap<string, ToolView>> {
    const listed = readListing(server, seen)
    if (!this.#stale.has(server) && this.#changes(server, seen.kind, listed).length === 0)
      return this.view(server)
    await this.#serially(async () => {
      if (this.#stale.has(server)) await this.#read(server)
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (await this.#write(server, this.#changes(server, seen.kind, listed))) return
        await this.#read(server)
      }
      refuse('TOOL_UNVERIFIED', { tool: server, detail: 'its definitions are being changed elsewhere' })
    })
    return this.view(server)
  }

  list(filter: { status?: string; server?: string } = {}): readonly ToolSummary[] {
    return this.#rows()
      .filter(
        (row) => (filter.status ?? row.status) === row.status && (filter.server ?? row.server) === row.server,
      )
      .map((row) => summaryOf(row, this.#looks.at(row)))
      .sort((a, b) => (a.ref < b.ref ? -1 : 1))
  }

  /** @throws Refusal TOOL_UNKNOWN */
  show(ref: string): ToolDetails {
    const row = this.#find(ref)
    return detailsOf(row, this.#looks.at(row))
  }

  /** What changed since the approval; empty when nothing did or nothing was approved. @throws Refusal TOOL_UNKNOWN */
  diff(ref: string): readonly Change[] {
    const row = this.#find(ref)
    return row.pinned === null ? [] : diffDefinitions(JSON.parse(row.pinned), JSON.parse(row.seen))
  }

  /**
   * Pins what was last seen. `server/*` takes the proposals without high findings or problems, never what is in quarantine.
   * What is severe has to be accepted by name, and is logged with the approval; nothing found later takes an approval back.
   * With `digest`, only if that is what was last seen: what the person looked at, not what came after.
   * @returns references of what was approved
   * @throws Refusal TOOL_UNKNOWN, TOOL_UNUSABLE, TOOL_NEEDS_DESPITE, TOOL_CHANGED
   */
  approve(
    ref: string,
    by: Operator,
    note?: string,
    options: ApproveOptions = {},
  ): Promise<readonly string[]> {
    return this.#serially(async () => {
      if (!ref.endsWith('/*')) {
        const row = this.#find(ref)
        const obstacle = this.#obstacle(row, options)
        if (obstacle) throw new Refusal(obstacle)
        return [await this.#decide(row, 'approved', by, note, codesOf(this.#severe(row)))]
      }
      const proposals = this.#rows().filter(
        (row) => row.server === ref.slice(0, -2) && row.status === 'proposed',
      )
      const fit = proposals.filter((row) => !this.#obstacle(row, {}))
      const [first] = proposals
      if (fit.length === 0) throw new Refusal((first && this.#obstacle(first, {})) ?? unknown(ref))
      const approved: string[] = []
      for (const row of fit) approved.push(await this.#decide(row, 'approved', by, note))
      return approved
    })
  }

  /** @throws Refusal TOOL_UNKNOWN, TOOL_CHANGED */
  reject(ref: string, by: Operator, note?: string): Promise<readonly string[]> {
    return this.#serially(async () => [await this.#decide(this.#find(ref), 'rejected', by, note)])
  }

  #obstacle(row: ToolRow, options: ApproveOptions): Reason | undefined {
    const tool = referTo(row.server, row.kind, row.name)
    if (options.digest !== undefined && options.digest !== row.seen_digest)
      return reason('TOOL_CHANGED', { tool })
    const { problem } = assess(row)
    if (problem !== undefined) return reason('TOOL_UNUSABLE', { tool, detail: problem })
    const open = this.#severe(row).filter(({ code }) => !options.accept?.includes(code))
    const [first] = open
    if (!first || options.despite) return undefined
    const codes = codesOf(this.#severe(row)).join(',')
    return reason('TOOL_NEEDS_DESPITE', { tool, detail: `${first.path}: ${first.what}`, codes })
  }

  #severe(row: ToolRow): readonly Finding[] {
    return [...assess(row).findings, ...this.#looks.at(row)].filter(({ level }) => level === 'high')
  }

  async #decide(
    before: ToolRow,
    status: 'approved' | 'rejected',
    by: Operator,
    note: string | undefined,
    accepted: readonly string[] = [],
  ): Promise<string> {
    const tool = referTo(before.server, before.kind, before.name)
    const data = {
      tool,
      digest: before.seen_digest,
      ...(before.pinned_digest === null ? {} : { old: before.pinned_digest }),
      ...(note === undefined ? {} : { note }),
      ...(accepted.length === 0 ? {} : { despite: true, findings: accepted }),
    }
    await this.#d.recorder.append({ type: `tool.${status}`, actor: by, data })
    const pins = status === 'approved' ? { pinned: before.seen, pinned_digest: before.seen_digest } : {}
    const decided = { decided_by: by.operator, decided_at: this.#d.clock.now(), note: note ?? null }
    const after: ToolRow = { ...before, ...pins, ...decided, status }
    const isWritten = await this.#d.store.transaction((tx) => writeRow(tx, { before, after }))
    if (isWritten) this.#keep(after)
    else await this.#read(before.server)
    await this.#publish(before.server)
    return isWritten ? tool : refuse('TOOL_CHANGED', { tool })
  }

  /** What a listing changes, what is still to be written first. */
  #changes(server: string, kind: ToolKind, listed: ReadonlyMap<string, Listed>): readonly Transition[] {
    const shelf = this.#shelves.get(server)
    const changes: Transition[] = [...(shelf?.unsaved.values() ?? [])]
    const now = this.#d.clock.now()
    let room = 2 * MAX_DEFINITIONS - (shelf?.rows.size ?? 0)
    for (const [name, one] of listed) {
      const before = shelf?.rows.get(keyOf(kind, name))
      const change = transition({ server, kind, name, now }, before, one)
      // What finds no room stays unknown, which is blocked.
      if (change && (before || room-- > 0)) changes.push(change)
    }
    return changes
  }

  /** Log first, then the rows; false when the rows were not what the changes assumed. */
  async #write(server: string, wanted: readonly Transition[]): Promise<boolean> {
    const shelf = this.#shelf(server)
    const now = this.#d.clock.now()
    const changes = wanted.filter((change) => change.revokes || this.#allowance.take(server, now))
    for (const change of changes) {
      if (!change.revokes) continue
      this.#keep(change.after)
      shelf.unsaved.set(keyOf(change.after.kind, change.after.name), change)
    }
    for (let at = 0; at < changes.length; at += APPENDS) {
      await Promise.all(
        changes.slice(at, at + APPENDS).map((change) =>
          this.#d.recorder.append({
            type: change.type,
            actor: { kind: 'gateway' },
            data: changeData(change),
          }),
        ),
      )
    }
    if (changes.length === 0) return true
    const isWritten = await this.#d.store.transaction(async (tx) => {
      let all = true
      for (const change of changes) if (!(await writeRow(tx, change))) all = false
      return all
    })
    shelf.unsaved.clear()
    if (isWritten) for (const { after } of changes) this.#keep(after)
    await this.#publish(server)
    return isWritten
  }

  #shelf(server: string): Shelf {
    const known = this.#shelves.get(server)
    if (known) return known
    const shelf: Shelf = { rows: new Map(), views: new Map(), unsaved: new Map() }
    this.#shelves.set(server, shelf)
    return shelf
  }

  #keep(row: ToolRow): void {
    const { rows, views } = this.#shelf(row.server)
    const key = keyOf(row.kind, row.name)
    this.#looks.forget()
    rows.set(key, row)
    views.set(key, viewOf(row, views.get(key)))
  }

  #rows(): readonly ToolRow[] {
    return [...this.#shelves.values()].flatMap(({ rows }) => [...rows.values()])
  }

  #find(ref: string): ToolRow {
    const at = parseReference(ref)
    const row = at && this.#shelves.get(at.server)?.rows.get(keyOf(at.kind, at.name))
    if (!row) throw new Refusal(unknown(ref))
    return row
  }

  async #readAll(): Promise<void> {
    const rows = await this.#d.store.db.selectFrom('tools').selectAll().execute()
    for (const server of this.#shelves.keys()) this.#replace(server, [])
    for (const [server, own] of Map.groupBy(rows, (row) => row.server)) this.#replace(server, own)
    this.#stale.clear()
  }

  async #read(server: string): Promise<void> {
    const rows = await this.#d.store.db.selectFrom('tools').selectAll().where('server', '=', server).execute()
    this.#replace(server, rows)
    this.#stale.delete(server)
  }

  /** Takes rows from the store; what is blocked in memory only stays blocked. */
  #replace(server: string, rows: readonly ToolRow[]): void {
    const { rows: old, views, unsaved } = this.#shelf(server)
    const kept = new Set(rows.map((row) => keyOf(row.kind, row.name)))
    old.clear()
    this.#looks.forget()
    for (const key of views.keys()) if (!kept.has(key)) views.delete(key)
    for (const row of rows) this.#keep(unsaved.get(keyOf(row.kind, row.name))?.after ?? row)
  }

  async #follow(server: string): Promise<void> {
    // Stale until read: what another replica just revoked must not be used on the strength of an old row.
    this.#stale.add(server)
    await this.#serially(() => this.#read(server)).catch(() => this.#stale.add(server))
  }

  async #publish(server: string): Promise<void> {
    this.#publishing = server
    try {
      await this.#d.bus.publish({ topic: 'registry', id: server })
    } finally {
      this.#publishing = undefined
    }
  }

  /** One change at a time, so that each is computed from what the one before left. */
  #serially<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => undefined)
    return next
  }
}

const unknown = (ref: string): Reason => reason('TOOL_UNKNOWN', { tool: ref.slice(0, 200) })
