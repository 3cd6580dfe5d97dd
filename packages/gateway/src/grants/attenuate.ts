import type { Budget, Constraints, Grant, GrantDetail } from '../model/grant.ts'
import { DIMENSIONS } from '../model/grant.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'
import { narrower } from './constraints.ts'

type Bounds = Omit<Grant, 'id' | 'task' | 'parent'>

/** True when everything `child` allows, `parent` allows too. What cannot be shown is false. */
export const isSubset = (child: Bounds, parent: Bounds): boolean => widens(child, parent) === undefined

/** Where a child would allow more than its parent, in words for a person; undefined when it nowhere does. */
export function widens(child: Bounds, parent: Bounds): string | undefined {
  if (child.expiresAt > parent.expiresAt) return 'it would outlive it'
  const over = DIMENSIONS.find((dimension) => !within(child.budget, parent.budget, dimension))
  if (over) return `its budget of ${over} is larger`
  const outside = child.details.find((detail) => !parent.details.some((wider) => detailWithin(detail, wider)))
  if (outside) return `${outside.kind} ${outside.server}/${outside.name.slice(0, 100)} is not covered`
  if (child.delegable > Math.max(0, parent.delegable - 1)) return 'it could be handed on further'
  if (!parent.delegates.includes('*') && !child.delegates.every((name) => parent.delegates.includes(name)))
    return 'it could be handed to others'
  if (!(child.localTools ?? []).every((name) => parent.localTools?.includes(name)))
    return 'it could do more by itself'
  if (!parent.subjectArguments.every((name) => child.subjectArguments.includes(name)))
    return 'it would count fewer subjects'
  const cheaper = Object.entries(parent.costs).some(([tool, cost]) => (child.costs[tool] ?? 0) < cost)
  return cheaper ? 'its calls would cost less' : undefined
}

function detailWithin(a: GrantDetail, b: GrantDetail): boolean {
  return (
    a.kind === b.kind &&
    a.server === b.server &&
    nameWithin(a, b) &&
    constraintsWithin(a.constraints, b.constraints)
  )
}

function nameWithin(a: GrantDetail, b: GrantDetail): boolean {
  if (a.name === b.name || b.name === '*') return true
  // Only resources have prefixes; a tool name that ends in * is just a name. A prefix never covers a URI that climbs.
  return (
    b.kind === 'resource' &&
    b.name.endsWith('*') &&
    a.name.startsWith(b.name.slice(0, -1)) &&
    !isAmbiguousPath(a.name)
  )
}

/** The child must constrain every argument that the parent constrains, at least as tightly. */
const constraintsWithin = (a: Constraints, b: Constraints): boolean =>
  Object.entries(b).every(([argument, wider]) => {
    const own = Object.hasOwn(a, argument) ? a[argument] : undefined
    return own !== undefined && narrower(own, wider)
  })

const within = (a: Budget, b: Budget, dimension: (typeof DIMENSIONS)[number]): boolean => {
  const limit = b[dimension] ?? Number.POSITIVE_INFINITY
  const own = a[dimension] ?? Number.POSITIVE_INFINITY
  // Less than nothing, drawn from a budget, would fill it up.
  return own >= 0 && own <= limit
}
