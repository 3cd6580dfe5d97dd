import type { FirewallRule } from '../config/firewall-schema.ts'

export type Treatment = FirewallRule['do']

/** What the operator wants done with what is found in messages of one direction with one server. */
export type Handling = (detector: string) => Treatment | undefined

/** Undefined when no rule is for such messages. */
export function handlingOf(
  rules: readonly FirewallRule[],
  place: FirewallRule['in'],
  server: string,
): Handling | undefined {
  const own = rules.filter((rule) => rule.in === place && (rule.servers?.includes(server) ?? true))
  if (own.length === 0) return undefined
  return (detector) => own.find(({ find }) => (find as readonly string[]).includes(detector))?.do
}

/** For where nothing can be put in the place of what is found. */
export const blocking =
  (handling: Handling): Handling =>
  (detector) =>
    handling(detector) && 'block'
