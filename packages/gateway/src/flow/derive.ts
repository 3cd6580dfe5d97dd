import { keysOf } from './canonical.ts'
import { says } from './entities.ts'
import type { ToolLabel } from './labels.ts'
import type { Source } from './origin.ts'
import { sourceText } from './origin.ts'
import type { Provenance } from './provenance.ts'
import type { Asked } from './resolver.ts'
import { resolvers } from './resolvers/index.ts'

/** Why a value may be used where it stands: the evidence that the record keeps. */
export interface Derivation {
  readonly by: 'source' | 'resolver' | 'person'
  readonly evidence: string
}

/** Ids this short are said by chance: "5" in "May 5". */
const MIN_SAID_HANDLE = 3

/**
 * Whether somebody who is trusted asked for this value: the person's words, the task, the directory, a trusted tool; and, where rules are
 * not strict, the tool's resolvers.
 */
export function derive(
  asked: Asked,
  label: ToolLabel,
  provenance: Provenance,
  isStrict: boolean,
): Derivation | undefined {
  const said = saidBy(asked, provenance)
  if (said) return { by: 'source', evidence: sourceText(said) }
  const trusted = provenance
    .originsOf(asked.keys)
    .find((origin) => origin.isTrusted && fits(asked, origin.source))
  if (trusted) return { by: 'source', evidence: sourceText(trusted.source) }
  if (isStrict) return undefined
  for (const resolver of resolvers) {
    if (!label.resolvers.includes(resolver.name)) continue
    const evidence = resolver.resolve(asked, provenance)
    if (evidence !== undefined) return { by: 'resolver', evidence: `${resolver.name}: ${evidence}` }
  }
  return undefined
}

/** A handle is good only for the kind of object it names, so a number from elsewhere is no handle. */
const fits = ({ sink }: Asked, source: Source): boolean =>
  sink !== 'handle' || (source.kind !== 'result' && source.kind !== 'request')

function saidBy({ sink, value }: Asked, provenance: Provenance): Source | undefined {
  // `#general` and `@bob` are how a tool writes what people call by its name.
  const text = String(value).replace(/^[#@]/, '')
  if (sink === 'handle' && text.length < MIN_SAID_HANDLE) return undefined
  // Of an address or a link all of it must be said; that is what the keys of the request hold.
  if (sink === 'url' || text.includes('@')) return undefined
  return says(provenance.requestText, text) ? { kind: 'request' } : undefined
}

/** The keys by which an argument is looked up; a date also fits its day without the year, and a number its digits. */
export function lookupKeys(value: string | number): readonly string[] {
  const keys = keysOf(value)
  const more = keys.flatMap((key) => {
    const date = /^date:\d{4}-(\d{2}-\d{2})/.exec(key)
    if (date) return [`day:${date[1]}`, key.slice(0, 'date:yyyy-mm-dd'.length)]
    return key.startsWith('phone:') ? [`digits:${key.slice(6)}`] : []
  })
  const digits = String(value).replace(/[ -]/g, '')
  if (/^\d{8,19}$/.test(digits)) more.push(`digits:${digits}`)
  return [...keys, ...more]
}
