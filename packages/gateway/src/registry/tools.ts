import { canonicalize } from '@ostiary/evidence'
import type { Clock } from '../lib/clock.ts'
import type { LogActor, Recorder } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import { refuse } from '../model/refusal.ts'
import type { Bus } from '../store/bus.ts'
import type { ToolRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Validator } from './arguments.ts'
import { compileArguments, SchemaUnusable } from './arguments.ts'
import type { Change } from './drift.ts'
import { diffDefinitions } from './drift.ts'
import type { Finding } from './findings.ts'
import { findingsOf, schemaProblem } from './findings.ts'
import { digestDefinition } from './pins.ts'

export type ToolKind = ToolRow['kind']
export type ToolStatus = ToolRow['status']

/** A definition as the data path sees it. */
export interface ToolView {
  readonly server: string
  readonly kind: ToolKind
  readonly name: string
  readonly status: ToolStatus
  readonly seenDigest: string
  readonly pinnedDigest: string | undefined
  /** What was approved. */
  readonly pinned: JsonObject | undefined
  readonly validate: Validator | undefined
}

/** A definition as a person sees it. */
export interface ToolDetails {
  readonly ref: string
  readonly status: ToolStatus
  readonly seen: JsonObject
  readonly instructions: string | undefined
  readonly findings: readonly Finding[]
  readonly decided_by: string | undefined
  readonly note: string | undefined
  readonly digest: string
}

export interface Seen {
  readonly instructions: string | undefined
  readonly kind: ToolKind
  readonly definitions: readonly JsonObject[]
}

const MAX_DEFINITIONS = 2000
const MAX_BYTES = 256 * 1024

/** What is stored of a definition: with the instructions it was given beside. */
interface Stored {
  readonly instructions: string | null
  readonly definition: JsonObject
}

/** Tools and prompts of all servers: proposed when first seen, usable when approved, quarantined when they change. */
export class Registry {
  readonly #d: { store: Store; recorder: Recorder; bus: Bus; clock: Clock }
  readonly #rows = new Map<string, ToolRow>()
  readonly #views = new Map<string, Map<string, ToolView>>()

  constructor(deps: { store: Store; recorder: Recorder; bus: Bus; clock: Clock }) {
    this.#d = deps
  }

  async load(): Promise<void> {
    this.#rows.clear()
    this.#views.clear()
    for (const row of await this.#d.store.db.selectFrom('tools').selectAll().execute()) this.#keep(row)
  }

  /** By `kind:name`. */
  view(server: string): ReadonlyMap<string, ToolView> {
    return this.#views.get(server) ?? new Map()
  }

  /** Every definition known, for the policy schema. */
  all(): readonly ToolView[] {
    return [...this.#views.values()].flatMap((views) => [...views.values()])
  }

  /**
   * Compares what a server offers now with what is known. New definitions become proposals; a changed one that was approved goes into
   * quarantine and stays there until a person decides, even when the old definition comes back.
   * @throws Refusal TOOL_UNVERIFIED when the list is beyond all bounds
   */
  async observe(server: string, seen: Seen): Promise<ReadonlyMap<string, ToolView>> {
    if (seen.definitions.length > MAX_DEFINITIONS) {
      refuse('TOOL_UNVERIFIED', {
        tool: server,
        detail: `it offers more than ${MAX_DEFINITIONS} definitions`,
      })
    }
    const names = new Map<string, number>()
    for (const { name } of seen.definitions) names.set(String(name), (names.get(String(name)) ?? 0) + 1)
    for (const definition of seen.definitions) {
      const { name } = definition
      if (typeof name !== 'string' || name === '' || name.length > 200) continue
      // Two of one name: which one a call would reach is the server's choice, so neither is what was approved.
      const digest = names.get(name) === 1 ? digestDefinition(seen.instructions, definition) : 'ambiguous'
      const row = this.#rows.get(key(server, seen.kind, name))
      if (row?.seen_digest === digest) continue
      await this.#changed(
        server,
        seen.kind,
        name,
        { instructions: seen.instructions ?? null, definition },
        digest,
        row,
      )
    }
    return this.view(server)
  }

  async #changed(
    server: string,
    kind: ToolKind,
    name: string,
    stored: Stored,
    digest: string,
    old: ToolRow | undefined,
  ): Promise<void> {
    const text = canonicalize(stored)
    if (text.length > MAX_BYTES)
      refuse('TOOL_UNVERIFIED', { tool: server, detail: 'a definition is too large' })
    const quarantine = old?.pinned_digest != null && old.pinned_digest !== digest
    const status = quarantine ? 'quarantined' : (old?.status ?? 'proposed')
    await this.#d.recorder.append({
      type: quarantine ? 'tool.quarantined' : 'tool.proposed',
      actor: { kind: 'gateway' },
      data: { server, kind, name, digest, ...(old?.pinned_digest ? { pinned: old.pinned_digest } : {}) },
    })
    await this.#save({
      server,
      kind,
      name,
      status,
      seen: text,
      seen_digest: digest,
      seen_at: this.#d.clock.now(),
      pinned: old?.pinned ?? null,
      pinned_digest: old?.pinned_digest ?? null,
      decided_by: old?.decided_by ?? null,
      decided_at: old?.decided_at ?? null,
      note: old?.note ?? null,
    })
  }

  list(
    filter: { status?: string; server?: string } = {},
  ): readonly { ref: string; status: ToolStatus; title: string; findings: number }[] {
    return [...this.#rows.values()]
      .filter(
        (row) => (filter.status ?? row.status) === row.status && (filter.server ?? row.server) === row.server,
      )
      .map((row) => ({
        ref: refOf(row),
        status: row.status,
        title: titleOf(stored(row.seen).definition),
        findings: findingsOf(stored(row.seen).definition).filter((finding) => finding.level === 'high')
          .length,
      }))
      .sort((a, b) => a.ref.localeCompare(b.ref))
  }

  show(ref: string): ToolDetails {
    const row = this.#find(ref)
    const { definition, instructions } = stored(row.seen)
    return {
      ref,
      status: row.status,
      seen: definition,
      instructions: instructions ?? undefined,
      findings: findingsOf(definition),
      decided_by: row.decided_by ?? undefined,
      note: row.note ?? undefined,
      digest: row.seen_digest,
    }
  }

  /** What changed since the approval; empty when nothing did or nothing was approved. */
  diff(ref: string): readonly Change[] {
    const row = this.#find(ref)
    if (row.pinned === null) return []
    const changes = diffDefinitions(
      stored(row.pinned) as unknown as JsonObject,
      stored(row.seen) as unknown as JsonObject,
    )
    return changes.map((change) => ({ ...change, path: change.path.replace(/^definition\./, '') }))
  }

  /**
   * Pins what was last seen. `server/*` takes all proposals of a server, never what is in quarantine.
   * @throws Refusal TOOL_UNKNOWN, TOOL_NEEDS_DESPITE, TOOL_UNUSABLE
   */
  async approve(
    ref: string,
    by: LogActor & { kind: 'operator' },
    note?: string,
    options: { despite?: boolean } = {},
  ): Promise<readonly string[]> {
    const rows = ref.endsWith('/*')
      ? [...this.#rows.values()].filter((row) => row.server === ref.slice(0, -2) && row.status === 'proposed')
      : [this.#find(ref)]
    if (rows.length === 0) refuse('TOOL_UNKNOWN', { tool: ref.slice(0, 200) })
    for (const row of rows) {
      const { definition } = stored(row.seen)
      const problem =
        row.seen_digest === 'ambiguous' ? 'the server offers two of this name' : schemaProblem(definition)
      if (problem) refuse('TOOL_UNUSABLE', { tool: refOf(row), detail: problem })
      const high = findingsOf(definition).find((finding) => finding.level === 'high')
      if (high && !options.despite) refuse('TOOL_NEEDS_DESPITE', { tool: refOf(row), detail: high.what })
    }
    for (const row of rows) {
      await this.#decide(row, 'approved', by, note)
    }
    return rows.map(refOf)
  }

  async reject(ref: string, by: LogActor & { kind: 'operator' }, note?: string): Promise<readonly string[]> {
    await this.#decide(this.#find(ref), 'rejected', by, note)
    return [ref]
  }

  async #decide(
    row: ToolRow,
    status: 'approved' | 'rejected',
    by: LogActor & { kind: 'operator' },
    note: string | undefined,
  ): Promise<void> {
    await this.#d.recorder.append({
      type: status === 'approved' ? 'tool.approved' : 'tool.rejected',
      actor: by,
      data: {
        server: row.server,
        kind: row.kind,
        name: row.name,
        digest: row.seen_digest,
        ...(note === undefined ? {} : { note }),
      },
    })
    const pins = status === 'approved' ? { pinned: row.seen, pinned_digest: row.seen_digest } : {}
    await this.#save({
      ...row,
      ...pins,
      status,
      decided_by: by.operator,
      decided_at: this.#d.clock.now(),
      note: note ?? null,
    })
  }

  async #save(row: ToolRow): Promise<void> {
    const { server: _, kind: __, name: ___, ...changes } = row
    await this.#d.store.db
      .insertInto('tools')
      .values(row)
      .onConflict((on) => on.columns(['server', 'kind', 'name']).doUpdateSet(changes))
      .execute()
    this.#keep(row)
    await this.#d.bus.publish({ topic: 'registry', id: row.server })
  }

  #keep(row: ToolRow): void {
    this.#rows.set(key(row.server, row.kind, row.name), row)
    let views = this.#views.get(row.server)
    if (!views) {
      views = new Map()
      this.#views.set(row.server, views)
    }
    const before = views.get(`${row.kind}:${row.name}`)
    const pinned = row.pinned === null ? undefined : stored(row.pinned).definition
    const same = before !== undefined && before.pinnedDigest === (row.pinned_digest ?? undefined)
    views.set(`${row.kind}:${row.name}`, {
      server: row.server,
      kind: row.kind,
      name: row.name,
      status: row.status,
      seenDigest: row.seen_digest,
      pinnedDigest: row.pinned_digest ?? undefined,
      pinned,
      validate: same ? before.validate : validatorOf(pinned),
    })
  }

  #find(ref: string): ToolRow {
    const at = ref.indexOf('/')
    const name = ref.slice(at + 1)
    const prompt = name.startsWith('prompt:')
    const row = this.#rows.get(
      key(ref.slice(0, at), prompt ? 'prompt' : 'tool', prompt ? name.slice(7) : name),
    )
    return row ?? refuse('TOOL_UNKNOWN', { tool: ref.slice(0, 200) })
  }
}

/** For a pinned definition; one that no longer compiles refuses everything. */
export function validatorOf(pinned: JsonObject | undefined): Validator | undefined {
  if (pinned?.inputSchema === undefined) return undefined
  try {
    return compileArguments(pinned.inputSchema)
  } catch (error) {
    if (error instanceof SchemaUnusable) return () => error.message
    throw error
  }
}

const key = (server: string, kind: ToolKind, name: string): string => `${server}\n${kind}\n${name}`
const stored = (text: string): Stored => JSON.parse(text) as Stored
const titleOf = (definition: JsonObject): string =>
  String(definition.title ?? definition.description ?? '')
    .split('\n', 1)[0]
    ?.slice(0, 100) ?? ''
const refOf = (row: Pick<ToolRow, 'server' | 'kind' | 'name'>): string =>
  `${row.server}/${row.kind === 'prompt' ? 'prompt:' : ''}${row.name}`
