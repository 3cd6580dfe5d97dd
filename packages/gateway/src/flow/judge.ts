import { hash } from 'node:crypto'
import type { Sink } from '../config/label-schema.ts'
import type { JsonObject } from '../model/json.ts'
import { isDisguised, keysOf, linkKeys, plain } from './canonical.ts'
import type { Recipient } from './confidential.ts'
import { leaks } from './confidential.ts'
import type { Derivation } from './derive.ts'
import { derive, lookupKeys } from './derive.ts'
import { toldTo, unasked, usedAs, writtenBy } from './endorsement.ts'
import { entitiesIn, MAX_ENTITIES, says } from './entities.ts'
import type { ToolLabel } from './labels.ts'
import { sourceText } from './origin.ts'
import type { Leaf } from './paths.ts'
import { leavesOf, namesOf } from './paths.ts'
import type { Provenance } from './provenance.ts'
import { isOnTopic } from './topic.ts'

/** What the record and a person are told of one argument. Values are named only by where they came from. */
export interface ArgumentEvidence {
  readonly path: string
  readonly sink: Sink
  /** Undefined where nothing vouches for the value. */
  readonly derivation: Derivation | undefined
  /** Where else it was seen. */
  readonly seenIn: readonly string[]
}

export type ProblemCode = 'UNDERIVED' | 'LAUNDERED' | 'CONFIDENTIAL' | 'UNASKED'

/** What can be read in an argument once it is decoded. */
export interface DecodedLeaf extends Leaf {
  /** By a decoder that reads something in any text. */
  readonly isGuess: boolean
}

/** What goes with the arguments. */
interface Beside {
  /** Other forms that can be read in all of it. */
  readonly decoded?: readonly DecodedLeaf[]
  /** Whatever else the server is sent. */
  readonly beside?: JsonObject | undefined
}

/** One thing that a person has to decide about. */
export interface Problem {
  readonly code: ProblemCode
  readonly path: string
  readonly detail: string
  /** What the person would endorse; undefined where it is the call as such. */
  readonly value: string | undefined
  /** What their endorsement is kept under. */
  readonly keys: readonly string[]
}

export interface Judgement {
  readonly arguments: readonly ArgumentEvidence[]
  /** Empty: the call is clear. */
  readonly problems: readonly Problem[]
  readonly isStrict: boolean
  /** Content that nobody trusted vouches for is about to be written. */
  readonly taints: boolean
}

/** Where the name of a member says who or what is meant. */
const IS_NAMED: ReadonlySet<Sink> = new Set(['principal', 'handle', 'url', 'path'])
/** Where any text may stand. */
const IS_FREE: ReadonlySet<Sink> = new Set(['content', 'topic', 'none'])

/**
 * Stage 11: are the values in consequential arguments derivable from trusted sources, and may these labels go there. One look-up for each
 * scalar, linear in the text of the arguments.
 */
export function judge(
  label: ToolLabel,
  args: JsonObject,
  provenance: Provenance,
  { decoded = [], beside = {} }: Beside = {},
): Judgement {
  const isEgress = label.effect === 'egress'
  const isRead = label.effect === 'read'
  // Rule of two: untrusted content and confidential data in one task leave only what is strictly derivable to go out.
  const isStrict =
    provenance.isStrict || (isEgress && provenance.holdsUntrusted && provenance.holdsConfidential)
  const problems: Problem[] = []
  const evidence: ArgumentEvidence[] = []
  let taints = false
  const recipients: Recipient[] = []
  const leaves = leavesOf(args)
  for (const leaf of leaves) {
    const { sink, of, isLabelled } = label.argument(leaf.path)
    if (leaf.isName && isLabelled && !IS_NAMED.has(sink)) continue
    if (!isRead && provenance.holdsUntrusted && IS_FREE.has(sink) && !isSaid(leaf, provenance)) taints = true
    if (sink === 'none' || (isRead && !isLabelled)) continue
    if (sink === 'content') {
      if (isEgress) problems.push(...laundered(leaf, label.tool, provenance))
      continue
    }
    if (sink === 'topic') {
      if (isEgress) problems.push(...laundered(leaf, label.tool, provenance))
      if (provenance.holdsUntrusted && !isOnTopic(String(leaf.value), provenance))
        problems.push(underived(leaf, sink))
      continue
    }
    const { value } = leaf
    if (typeof value === 'boolean' || value === null || typeof value === 'object') {
      // True and false cannot be said in words, so an unlabelled switch is a person's to throw.
      if (!isLabelled) problems.push(underived(leaf, sink))
      continue
    }
    const keys = sink === 'url' ? linkKeys(value) : lookupKeys(value)
    const asked = { value, keys, sink, of, isRead }
    const by = provenance.endorsedBy(usedAs(sink, of, roleKeys(value, sink)))
    // Which of the links that a mail holds is opened tells its writer something, so not once there is a secret to tell.
    const isClosed = isStrict || (sink === 'url' && provenance.holdsUntrusted && provenance.holdsConfidential)
    const isOther = typeof value === 'string' && isDisguised(value)
    const derivation: Derivation | undefined =
      by === undefined
        ? isOther
          ? undefined
          : derive(asked, label, provenance, isClosed)
        : { by: 'person', evidence: `endorsed by ${by}` }
    const seenIn = provenance.originsOf(asked.keys).map(({ source }) => sourceText(source))
    evidence.push({ path: leaf.path, sink, derivation, seenIn: [...new Set(seenIn)] })
    if (!derivation) problems.push(underived(leaf, sink, of))
    // Somebody may be written to in an argument that nobody labelled.
    if (sink === 'principal' || keys.some((key) => key.startsWith('email:'))) recipients.push(keysOf(value))
  }
  if (isEgress) {
    for (const leaf of decoded) {
      const { sink } = label.argument(leaf.path)
      // A guess finds an address in any text; only what is really encoded says something about who wrote it.
      if ((sink === 'content' || sink === 'topic') && !leaf.isGuess)
        problems.push(...laundered(leaf, label.tool, provenance))
    }
    for (const { path, value } of leaks(
      [...leaves, ...namesOf(args), ...leavesOf(beside), ...namesOf(beside), ...decoded],
      recipients,
      provenance,
    )) {
      problems.push({
        code: 'CONFIDENTIAL',
        path,
        detail: 'it holds a confidential value that its recipients are not readers of',
        value,
        keys: toldTo(label.tool, recipients.flat(), value),
      })
    }
  }
  if (!isRead && label.intent.length > 0 && !isAsked(label.intent, provenance)) {
    problems.push({
      code: 'UNASKED',
      path: '',
      detail: 'nothing in the request asks for this kind of action',
      value: undefined,
      keys: unasked(label.tool),
    })
  }
  const isOpen = ({ keys }: Problem) => provenance.endorsedBy(keys) === undefined
  return { arguments: evidence, problems: problems.filter(isOpen), isStrict, taints }
}

const underived = ({ path, value }: Leaf, sink: Sink, of?: string): Problem => ({
  code: 'UNDERIVED',
  path,
  detail: `nothing trusted says this ${sink}`,
  value: String(value),
  keys: usedAs(sink, of, scalarKeys(value, sink)),
})

const scalarKeys = (value: Leaf['value'], sink: Sink) =>
  typeof value === 'string' || typeof value === 'number'
    ? roleKeys(value, sink)
    : typeof value === 'boolean'
      ? keysOf(value)
      : []

/** What an endorsement of a value covers: other spellings too, but no other link, and nothing that only looks the same. */
function roleKeys(value: string | number, sink: Sink): readonly string[] {
  if (typeof value === 'string' && isDisguised(value))
    return [`as it is ${hash('sha256', value, 'base64url')}`]
  const links = sink === 'url' ? linkKeys(value) : []
  return links.length > 0 ? links : keysOf(value)
}

/** Links, addresses and accounts in outgoing text that only untrusted content, or nobody, vouches for. */
function laundered({ path, value }: Leaf, tool: string, provenance: Provenance): Problem[] {
  if (typeof value !== 'string' || !provenance.holdsUntrusted) return []
  const entities = entitiesIn(value)
  if (entities.length >= MAX_ENTITIES) {
    const keys = writtenBy(tool, keysOf(value))
    return [{ code: 'LAUNDERED', path, detail: 'it holds more addresses than are looked at', value, keys }]
  }
  return entities.flatMap(({ kind, keys, text }): Problem[] => {
    if (kind === 'date') return []
    const origins = provenance.originsOf(keys)
    if (origins.some(({ isTrusted }) => isTrusted) || says(provenance.requestText, text)) return []
    const from = origins.length === 0 ? 'nothing that this task has seen' : 'untrusted content'
    return [
      {
        code: 'LAUNDERED',
        path,
        detail: `it holds a ${kind} that comes from ${from}`,
        value: text,
        keys: writtenBy(tool, keys),
      },
    ]
  })
}

const isSaid = ({ value }: Leaf, provenance: Provenance): boolean =>
  typeof value !== 'string' || says(provenance.requestText, value)

/** A word of the list begins a word of the request. */
function isAsked(words: readonly string[], { requestText }: Provenance): boolean {
  return words.some((word) => {
    const wanted = plain(word)
    for (let at = requestText.indexOf(wanted); at !== -1; at = requestText.indexOf(wanted, at + 1)) {
      if (at === 0 || !/[\p{L}\p{N}]/u.test(requestText[at - 1] as string)) return true
    }
    return false
  })
}
