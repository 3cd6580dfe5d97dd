import type { Permission } from '../identity/operators/roles.ts'

type Rule = readonly [method: string, path: RegExp, ...anyOf: Permission[]]

/** What each route takes. The first rule that matches counts; what none matches is refused. */
const RULES: readonly Rule[] = [
  ['GET', /^\/audit(\/|$)/, 'audit'],
  ['GET', /^\/log\//, 'audit'],
  ['POST', /^\/audit\/entries\/[^/]+\/open$/, 'audit'],
  ['POST', /^\/audit\/(who-saw|diff-policy|reindex)$/, 'audit'],
  ['GET', /^\/agents\/[^/]+\/history$/, 'audit'],
  ['POST', /^\/subjects\/(hold|release|erase)$/, 'secure'],
  ['GET', /^\/operators(\/|$)/, 'manage-people'],
  ['GET', /^\/(status|agents|reviews|tasks|leases|tools|locks|secrets|proposals)(\/|$)/, 'read'],
  ['GET', /^\/flow\/proposals\/[^/]+$/, 'read'],
  ['POST', /^\/policy\/explain$/, 'read'],
  // What waits shows values of the call, so it is for those who decide.
  ['GET', /^\/flow\/holds$/, 'approve'],
  ['GET', /^\/flow\/calls\/[^/]+$/, 'approve', 'audit'],
  ['POST', /^\/flow\/holds\/[^/]+\/endorse$/, 'approve'],
  ['POST', /^\/agents\/[^/]+\/(revoke|resume|bearer)$/, 'secure'],
  ['POST', /^\/instances\/[^/]+\/revoke$/, 'secure'],
  ['POST', /^\/sponsors\/left$/, 'secure'],
  // Stopping is the safe side, so whoever runs the gateway may; letting go on is not.
  ['POST', /^\/locks$/, 'operate', 'secure'],
  ['POST', /^\/locks\/[^/]+\/lift$/, 'secure'],
  ['POST', /^\/operators(\/|$)/, 'manage-people'],
  ['POST', /^\/agents(\/|$)/, 'operate'],
  ['POST', /^\/instances\/[^/]+\/rotate$/, 'operate'],
  ['POST', /^\/(tasks|tools)\//, 'operate'],
  ['PUT', /^\/secrets\//, 'operate'],
  ['POST', /^\/secrets\/[^/]+\/rollback$/, 'operate'],
  ['DELETE', /^\/secrets\//, 'operate'],
  ['POST', /^\/(reload|shutdown)$/, 'operate'],
]

/** The prefix under which the public listener serves the same routes. */
export const PUBLIC_PREFIX = '/control'

/** Permissions of which any one is enough. */
export function permissionsFor(method: string, path: string): readonly Permission[] {
  const bare = path.startsWith(`${PUBLIC_PREFIX}/`) ? path.slice(PUBLIC_PREFIX.length) : path
  return (
    (RULES.find(([verb, pattern]) => verb === method && pattern.test(bare))?.slice(
      2,
    ) as readonly Permission[]) ?? []
  )
}
