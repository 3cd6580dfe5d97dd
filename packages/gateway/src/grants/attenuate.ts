import type { Budget, Constraints, Grant, GrantDetail } from '../model/grant.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'
import { narrower } from './constraints.ts'

type Bounds = Pick<Grant, 'details' | 'budget' | 'expiresAt'>

/** True when everything `child` allows, `parent` allows too. What cannot be shown is false. */
export function isSubset(child: Bounds, parent: Bounds): boolean {
  return (
    child.expiresAt <= parent.expiresAt &&
    budgetWithin(child.budget, parent.budget) &&
    child.details.every((detail) => parent.details.some((wider) => detailWithin(detail, wider)))
  )
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

const budgetWithin = (a: Budget, b: Budget): boolean =>
  (['calls', 'bytes'] as const).every((dimension) => {
    const limit = b[dimension]
    return limit === undefined || (a[dimension] ?? Number.POSITIVE_INFINITY) <= limit
  })
