import { poisoningAmong, poisoningIn } from '../firewall/tool-poisoning.ts'
import type { LogEvent, Recorder } from '../model/evidence.ts'
import { AuditUnavailable } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Bus } from '../store/bus.ts'
import { localBus } from '../store/local-bus.ts'
import type { Store } from '../store/store.ts'
import type { TestStore } from '../store/testing.ts'
import { sqliteStore } from '../store/testing.ts'
import type { ToolKind } from './tools.ts'
import { Registry } from './tools.ts'

export const LEE = { kind: 'operator', operator: 'lee' } as const

/** A registry over an empty store, with a log that can be made to fail. */
export class Bench implements AsyncDisposable {
  readonly events: LogEvent[] = []
  readonly bus: Bus = localBus()
  readonly store: Store
  readonly registry: Registry
  logFails: boolean = false
  now = 1_000_000

  readonly #files: TestStore

  private constructor(store: Store, files: TestStore) {
    this.store = store
    this.#files = files
    this.registry = this.another()
  }

  static async open(): Promise<Bench> {
    const files = await sqliteStore()
    const bench = new Bench(await files.open(), files)
    await bench.registry.load()
    return bench
  }

  /** A second registry over the same store and bus, as another replica has it. */
  another(): Registry {
    const recorder: Recorder = {
      append: async (event) => {
        if (this.logFails) throw new AuditUnavailable('the disk is full')
        this.events.push(event)
        return { index: this.events.length - 1, leaf: '' }
      },
    }
    return new Registry({
      store: this.store,
      bus: this.bus,
      recorder,
      clock: { now: () => this.now },
      inspector: { alone: poisoningIn, among: poisoningAmong },
    })
  }

  see(definitions: readonly JsonObject[], instructions?: string, kind: ToolKind = 'tool', server = 'files') {
    return this.registry.observe(server, { instructions, kind, definitions })
  }

  /** Sees and approves. */
  async trust(definition: JsonObject, instructions?: string): Promise<void> {
    await this.see([definition], instructions)
    await this.registry.approve(`files/${String(definition.name)}`, LEE)
  }

  status(name: string, kind: ToolKind = 'tool', server = 'files'): string | undefined {
    return this.registry.view(server).get(`${kind}:${name}`)?.status
  }

  logged(): readonly string[] {
    return this.events.map(({ type }) => type)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.registry[Symbol.dispose]()
    await this.bus[Symbol.asyncDispose]()
    await this.store[Symbol.asyncDispose]()
    await this.#files.dispose()
  }
}

export const READ: JsonObject = {
  name: 'read_file',
  description: 'Reads one file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
}
