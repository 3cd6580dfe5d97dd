import type { ClaimRules } from '../../config/trust-schema.ts'
import type { JsonObject } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'

/** True when every rule holds. A claim that is absent, or no text, satisfies none. */
export const matches = (rules: ClaimRules, claims: JsonObject): boolean =>
  Object.entries(rules).every(([path, rule]) => {
    const value = claimAt(claims, path)
    if (typeof value !== 'string') return false
    if (typeof rule === 'string') return value === rule
    return Array.isArray(rule)
      ? rule.includes(value)
      : startsWithin(value, (rule as { prefix: string }).prefix)
  })

/** A claim by its name, or a nested one as `a/b`; names with a slash in them come first. */
function claimAt(claims: JsonObject, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const head = path.slice(0, at)
    const inner = Object.hasOwn(claims, head) ? claims[head] : undefined
    if (isObject(inner)) return claimAt(inner, path.slice(at + 1))
  }
  return undefined
}

/** Where a reader could see another path than we do, the value is under no prefix. */
const startsWithin = (value: string, prefix: string): boolean =>
  value.startsWith(prefix) &&
  value.length > prefix.length &&
  !/%|\\|\/\.{1,2}(\/|$)|\/\//.test(value.slice(prefix.length - 1))
