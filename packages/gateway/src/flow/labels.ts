import type { Labels, RecordsLabel, ResolverName, Sink, ToolLabelConfig } from '../config/label-schema.ts'
import type { Confidentiality } from './origin.ts'
import { isWithin, stepsOf } from './paths.ts'

export type Effect = ToolLabelConfig['effect']

/** What is known of one tool, ready to be asked. */
export interface ToolLabel {
  readonly tool: string
  readonly effect: Effect
  readonly place: string
  readonly resolvers: readonly ResolverName[]
  readonly intent: readonly string[]
  readonly records: readonly RecordsLabel[]
  readonly readers: readonly string[]
  /** Something in its results may have been written by anybody. */
  readonly bringsUntrusted: boolean
  /** Of all that its results hold. */
  readonly mostConfidential: Confidentiality
  argument(path: string): {
    readonly sink: Sink
    readonly of: string | undefined
    readonly isLabelled: boolean
  }
  result(path: string): { readonly isTrusted: boolean; readonly confidentiality: Confidentiality }
}

/** A tool that nobody labelled: whatever goes in is consequential and may be seen by others, whatever comes out is untrusted. */
const UNLABELLED: ToolLabelConfig = {
  effect: 'egress',
  arguments: {},
  result: {
    integrity: 'untrusted',
    confidentiality: 'internal',
    readers: [],
    trusted: [],
    confidential: [],
    records: [],
  },
  resolvers: [],
  intent: [],
}

/** Reading a resource tells its server the address and nothing else, so an address that a list showed is no secret. */
const RESOURCE: ToolLabelConfig = {
  ...UNLABELLED,
  effect: 'read',
  arguments: { uri: { sink: 'url' } },
  resolvers: ['seen-url'],
}
const IS_RESOURCE = /^[^/#]+#resources\//

/** Labels by `server/tool`, or `server#method` for what is no tool; everything has one. */
export function labelBook(labels: Labels): (tool: string) => ToolLabel {
  const compiled = new Map(Object.entries(labels).map(([tool, label]) => [tool, compile(tool, label)]))
  return (tool) => compiled.get(tool) ?? compile(tool, IS_RESOURCE.test(tool) ? RESOURCE : UNLABELLED)
}

function compile(tool: string, label: ToolLabelConfig): ToolLabel {
  const sinks = Object.entries(label.arguments).map(([pattern, argument]) => ({
    steps: stepsOf(pattern),
    argument,
  }))
  const { result } = label
  const trusted = result.trusted.map(stepsOf)
  const confidential = result.confidential.map(stepsOf)
  return {
    tool,
    effect: label.effect,
    place: label.place ?? (tool.split(/[/#]/, 1)[0] as string),
    resolvers: label.resolvers,
    intent: label.intent,
    records: result.records,
    readers: result.readers,
    bringsUntrusted: result.integrity === 'untrusted',
    mostConfidential:
      result.confidentiality !== 'phi' && confidential.length > 0 ? 'secret' : result.confidentiality,
    argument(path) {
      const found = (sinks.find(({ steps }) => isWithin(path, steps)) ?? alike(path, sinks))?.argument
      return { sink: found?.sink ?? 'value', of: found?.of, isLabelled: found !== undefined }
    },
    result(path) {
      return {
        isTrusted: result.integrity === 'trusted' || trusted.some((steps) => isWithin(path, steps)),
        confidentiality:
          result.confidentiality !== 'phi' && confidential.some((steps) => isWithin(path, steps))
            ? 'secret'
            : result.confidentiality,
      }
    },
  }
}

type Labelled = {
  readonly steps: ReturnType<typeof stepsOf>
  readonly argument: ToolLabelConfig['arguments'][string]
}
const IS_HARMLESS: ReadonlySet<Sink> = new Set(['topic', 'content', 'none'])

/**
 * The label of an argument that came in another shape than its label says: one link where it says a list, a list in a list, `URL` for
 * `url`. Servers take such things, so what is consequential in one shape is so in all.
 */
function alike(path: string, labelled: readonly Labelled[]): Labelled | undefined {
  const members = path
    .replace(/\[\d+\]/g, '')
    .toLowerCase()
    .split('.')
  return labelled.find(({ steps, argument }) => {
    if (IS_HARMLESS.has(argument.sink)) return false
    const wanted = steps.filter((step) => step !== 'items')
    return (
      wanted.length > 0 &&
      wanted.every((step, i) =>
        step === 'members' ? members[i] !== undefined : members[i] === step.member.toLowerCase(),
      )
    )
  })
}
