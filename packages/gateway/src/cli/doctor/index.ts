import type { Check } from './check.ts'
import { configuration } from './configuration.ts'
import { flow } from './flow.ts'
import { credentials, gateway, locks, policies, reviews, servers, sinks } from './gateway.ts'
import { log } from './log.ts'
import { privateFolder } from './private-folder.ts'
import { toxicFlowsCheck } from './toxic-flows.ts'

/** Every check, in the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  configuration,
  privateFolder,
  gateway,
  servers,
  policies,
  flow,
  toxicFlowsCheck,
  locks,
  reviews,
  credentials,
  log,
  sinks,
]
