import type { LogEntry } from '../entry.ts'

/** One judgement on three scales: syslog (RFC 5424 section 6.2.1), OCSF `severity_id`, CEF 0 to 10. */
export interface Severity {
  readonly syslog: 3 | 4 | 5 | 6
  readonly ocsf: 1 | 2 | 3 | 4
  readonly cef: 1 | 3 | 6 | 8
}

const INFORMATIONAL: Severity = { syslog: 6, ocsf: 1, cef: 1 }
const LOW: Severity = { syslog: 5, ocsf: 2, cef: 3 }
const MEDIUM: Severity = { syslog: 4, ocsf: 3, cef: 6 }
const HIGH: Severity = { syslog: 3, ocsf: 4, cef: 8 }

/** What ought to be looked at today. */
const ALARMING: ReadonlySet<string> = new Set([
  'lock.set',
  'lease.revoke_failed',
  'mirror.failed',
  'mirror.lost',
  'log.restored',
  'tool.quarantined',
  'agent.revoked',
])
/** Changes of who may do what. */
const NOTABLE = /^(agent|operator|instance|lock|secret|tool|sponsor|config|grant)\./

export function severityOf({ type, data }: LogEntry): Severity {
  if (ALARMING.has(type)) return HIGH
  const hasFindings = Array.isArray(data.findings) && data.findings.length > 0
  if (hasFindings || /\.(denied|refused|blocked)$/.test(type) || type === 'content.transformed') return MEDIUM
  return NOTABLE.test(type) ? LOW : INFORMATIONAL
}
