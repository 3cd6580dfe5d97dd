import type { ToolRow } from '../store/schema.ts'
import type { Finding, Inspector } from './findings.ts'
import { readDocument } from './pins.ts'

/** What an inspector finds in rows, each alone looked at once, and among the others once until a row changes. */
export class Look {
  readonly #inspector: Inspector
  readonly #rows: () => readonly ToolRow[]
  readonly #alone = new WeakMap<ToolRow, readonly Finding[]>()
  readonly #among = new Map<ToolRow, readonly Finding[]>()
  readonly #neighbours = new Map<string, Parameters<Inspector['among']>[1]>()

  constructor(inspector: Inspector, rows: () => readonly ToolRow[]) {
    this.#inspector = inspector
    this.#rows = rows
  }

  /** To be called when any row has changed. */
  forget(): void {
    this.#among.clear()
    this.#neighbours.clear()
  }

  at(row: ToolRow): readonly Finding[] {
    let alone = this.#alone.get(row)
    let among = this.#among.get(row)
    if (!alone || !among) {
      const document = readDocument(row.seen)
      alone ??= this.#inspector.alone(document)
      among ??= this.#inspector.among(document, this.#neighboursOf(row.server), nameOf(row, this.#rows()))
      this.#alone.set(row, alone)
      this.#among.set(row, among)
    }
    return [...alone, ...among]
  }

  /** Names that the server has too say nothing about which server is meant. */
  #neighboursOf(server: string): Parameters<Inspector['among']>[1] {
    const known = this.#neighbours.get(server)
    if (known) return known
    const tools = this.#rows().filter(({ kind }) => kind === 'tool')
    const own = new Set(tools.filter((row) => row.server === server).map(({ name }) => name))
    const others = tools.filter((row) => row.server !== server && !own.has(row.name))
    const found = {
      servers: [...new Set(this.#rows().map((row) => row.server))].filter((name) => name !== server),
      tools: new Map(others.map((row) => [row.name, row.server])),
    }
    this.#neighbours.set(server, found)
    return found
  }
}

function nameOf(row: ToolRow, rows: readonly ToolRow[]): Parameters<Inspector['among']>[2] {
  if (row.kind !== 'tool') return undefined
  const same = rows.find(
    ({ kind, name, server }) => kind === 'tool' && name === row.name && server !== row.server,
  )
  return { name: row.name, sameOn: same?.server }
}
