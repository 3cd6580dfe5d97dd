import type { Json } from '../model/json.ts'
import { isObject } from '../model/json.ts'

/** A value inside a document, with the path that leads to it, e.g. `items[3].sender`. */
export interface Leaf {
  readonly path: string
  readonly value: Json
  /** It is the name of a member of which only the name can matter. */
  readonly isName?: boolean
}

/** A member in a path. What has the signs of a path in its name does not lead anywhere else by it. */
const memberOf = (name: string): string => (name === '' ? '·' : name.replace(/[.[\]]/g, '·'))

type Step = { readonly member: string } | 'items' | 'members'

const STEP = /\[\*\]|\.?([^.[\]]+)/y

/** A path pattern as labels write it, in steps. */
export function stepsOf(pattern: string): readonly Step[] {
  const steps: Step[] = []
  STEP.lastIndex = 0
  while (STEP.lastIndex < pattern.length) {
    const match = STEP.exec(pattern)
    if (!match) throw new RangeError(`not a path: ${pattern}`)
    steps.push(match[1] === undefined ? 'items' : match[1] === '*' ? 'members' : { member: match[1] })
  }
  return steps
}

/** Every value the pattern leads to; the document itself for an empty one. */
export function select(document: Json, steps: readonly Step[], path = ''): Leaf[] {
  const [step, ...rest] = steps
  if (step === undefined) return [{ path, value: document }]
  if (step === 'items') {
    if (!Array.isArray(document)) return []
    return (document as readonly Json[]).flatMap((item, i) => select(item, rest, `${path}[${i}]`))
  }
  if (!isObject(document)) return []
  const members =
    step === 'members' ? Object.keys(document) : Object.hasOwn(document, step.member) ? [step.member] : []
  return members.flatMap((name) =>
    select(document[name] as Json, rest, path === '' ? memberOf(name) : `${path}.${memberOf(name)}`),
  )
}

/** A key that is a name of something rather than of a field. */
const IS_DATA = /[^a-z0-9_]/i

/** Every string, number and boolean below a value. Keys that are data (a map by name) count as well, under the path of their member. */
export function leavesOf(document: Json, path = ''): Leaf[] {
  if (document === null) return []
  if (Array.isArray(document)) {
    return (document as readonly Json[]).flatMap((item, i) => leavesOf(item, `${path}[${i}]`))
  }
  if (isObject(document)) {
    return Object.entries(document).flatMap(([name, value]) => {
      const at = path === '' ? memberOf(name) : `${path}.${memberOf(name)}`
      if (IS_DATA.test(name)) return [{ path: at, value: name }, ...leavesOf(value, at)]
      const below = leavesOf(value, at)
      // `{ members: { mallory: true } }`, or `{}`: the name is all there is.
      const isAll = path !== '' && (below.length === 0 || typeof value === 'boolean')
      return isAll ? [{ path: at, value: name, isName: true }, ...below] : below
    })
  }
  return [{ path, value: document }]
}

/** Every name of a member below a value, whatever it looks like. */
export function namesOf(document: Json, path = ''): Leaf[] {
  if (Array.isArray(document))
    return (document as readonly Json[]).flatMap((item, i) => namesOf(item, `${path}[${i}]`))
  if (!isObject(document)) return []
  return Object.entries(document).flatMap(([name, value]) => {
    const at = path === '' ? memberOf(name) : `${path}.${memberOf(name)}`
    return [{ path: at, value: name }, ...namesOf(value, at)]
  })
}

/** A path for records: members whose name is data show as `*`. */
export const shownPath = (path: string): string =>
  path
    .split('.')
    .map((member) => (/^(?:\w{1,60})?(?:\[\d+\])*$/.test(member) ? member : '*'))
    .join('.')
    .slice(0, 200)

/** Whether a concrete path lies at or below a pattern. */
export function isWithin(path: string, steps: readonly Step[]): boolean {
  let rest = path
  for (const step of steps) {
    const match = step === 'items' ? /^\[\d+\]/.exec(rest) : /^\.?([^.[\]]+)/.exec(rest)
    if (!match) return false
    if (typeof step === 'object' && match[1] !== step.member) return false
    rest = rest.slice(match[0].length)
  }
  return true
}
