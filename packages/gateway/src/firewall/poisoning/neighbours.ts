import { reveal } from '../../lib/reveal.ts'
import type { Report } from './finding.ts'
import type { NameShape } from './look-alike.ts'
import { likeness, mayBeAlike, shapeOf } from './look-alike.ts'
import type { DefinitionText } from './texts.ts'

/** What else the agent could see beside a server. */
export interface Neighbours {
  /** Names of other servers. */
  readonly servers: readonly string[]
  /** Servers by the names of their tools that this server does not have. */
  readonly tools: ReadonlyMap<string, string>
}

/** A tool, and another server that has one of the same name. */
export interface Named {
  readonly name: string
  readonly sameOn: string | undefined
}

const WORD = /[A-Za-z0-9_.-]{6,200}/g
const MAX_MENTIONS = 5
/** Names that have the same letters as one. More of them are only there to make this slow. */
const MAX_COMPARED = 500

/** Names of tools of other servers, or those servers: a way to steer the model to or from them. Common words do not count. */
export function mentions({ path, text }: DefinitionText, neighbours: Neighbours, report: Report): void {
  const found = new Set<string>()
  for (const [word] of text.matchAll(WORD)) {
    const name = word.replace(/\.+$/, '')
    const server = /[_-]|[a-z][A-Z]/.test(name) ? neighbours.tools.get(name) : undefined
    if (server === undefined || found.has(name) || found.size >= MAX_MENTIONS) continue
    found.add(name)
    report('shadowing', 'high', path, `it mentions \`${name}\`, a tool of another server, \`${server}\``)
  }
  const plain = text.toLowerCase()
  for (const server of neighbours.servers) {
    if (plain.includes(server) && naming(server).test(plain))
      report('shadowing', 'high', path, `it mentions another server, \`${server}\``)
  }
}

const patterns = new Map<string, RegExp>()

/** A server's name can be an everyday word; then it counts only beside the word server or MCP. */
function naming(server: string): RegExp {
  const known = patterns.get(server)
  if (known) return known
  const name = server.replace(/[^a-z0-9]/g, '\\$&')
  const pattern = server.includes('-')
    ? new RegExp(`(?<![a-z0-9-])${name}(?![a-z0-9-])`)
    : new RegExp(
        `\\b(?:server|mcp)s? (?:called |named )?[\`'"]?${name}\\b|\\b${name}[\`'"]?(?:[’']s)?[ -](?:mcp|server)\\b|\\bmcp__${name}__`,
      )
  if (patterns.size > 1000) patterns.clear()
  patterns.set(server, pattern)
  return pattern
}

/** Tools of other servers that this one could be taken for. */
export function lookAlikes({ name, sameOn }: Named, neighbours: Neighbours, report: Report): void {
  if (sameOn !== undefined)
    report('same-name', 'note', 'name', `the server \`${sameOn}\` has a tool of this name too`)
  const own = shapeOf(name)
  const alike: { other: string; like: keyof typeof LIKE }[] = []
  let compared = 0
  for (const other of shapesOf(neighbours)) {
    if (!mayBeAlike(own, other)) continue
    if (own.skeleton !== other.skeleton && compared++ >= MAX_COMPARED) continue
    const like = likeness(own, other)
    if (like) alike.push({ other: other.name, like })
  }
  alike.sort((a, b) => Number(a.like === 'close') - Number(b.like === 'close'))
  for (const { other, like } of alike.slice(0, MAX_MENTIONS)) {
    const server = neighbours.tools.get(other) as string
    const level = like === 'close' ? 'note' : 'high'
    report('look-alike', level, 'name', `it ${LIKE[like]} \`${reveal(other)}\` of the server \`${server}\``)
  }
  if (compared > MAX_COMPARED)
    report('look-alike', 'high', 'name', 'more tools are named nearly like it than are compared')
}

const shapes = new WeakMap<Neighbours, readonly NameShape[]>()

/** Prepared once for all tools of a server. */
function shapesOf(neighbours: Neighbours): readonly NameShape[] {
  const known = shapes.get(neighbours)
  if (known) return known
  const made = [...neighbours.tools.keys()].map(shapeOf)
  shapes.set(neighbours, made)
  return made
}

const LIKE = {
  confusable: 'looks the same as',
  misspelt: 'is a letter away from',
  close: 'is named nearly like',
} as const
