import type { FirewallRule } from '../../config/firewall-schema.ts'
import { handlingOf } from '../../firewall/handling.ts'
import { noteFindings, type Scanner } from '../../firewall/scanner.ts'
import type { Json } from '../../model/json.ts'
import type { Stage } from '../exchange.ts'

/** 10: detectors on everything that leaves towards the upstream. */
export function inspectStage(
  scanner: Scanner,
  rules: () => readonly FirewallRule[],
): Stage<'action' | 'outgoing', 'isSuspect'> {
  return {
    name: 'inspect',
    run({ action, outgoing }, exchange) {
      const handling = handlingOf(rules(), 'arguments', action.server)
      const { decision, findings } = scanner.scan(outgoing as Json, 'out', { handling })
      noteFindings(exchange.findings, 'out', findings)
      return { decision, facts: { isSuspect: findings.some(({ severity }) => severity === 'escalate') } }
    },
  }
}
