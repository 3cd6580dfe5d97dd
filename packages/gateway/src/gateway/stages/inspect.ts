import { noteFindings, type Scanner } from '../../firewall/scanner.ts'
import type { Json } from '../../model/json.ts'
import type { Stage } from '../exchange.ts'

/** 10: detectors on everything that leaves towards the upstream. */
export function inspectStage(scanner: Scanner): Stage<'outgoing', 'isSuspect'> {
  return {
    name: 'inspect',
    run({ outgoing }, exchange) {
      const { decision, findings } = scanner.scan(outgoing as Json, 'out')
      noteFindings(exchange.findings, 'out', findings)
      return { decision, facts: { isSuspect: findings.some(({ severity }) => severity === 'escalate') } }
    },
  }
}
