import type { Config } from './schema.ts'

const READ_AT_START: readonly (readonly [string, (config: Config) => unknown])[] = [
  ['listen', (config) => config.listen],
  ['data', (config) => config.data],
  ['workers', (config) => config.workers],
  ['store', (config) => config.store],
  ['limits.rate', (config) => config.limits.rate],
  ['limits.queue', (config) => config.limits.queue],
  ['keys', (config) => config.keys],
  ['tokens', (config) => config.tokens],
  ['audit.mirror', (config) => config.audit.mirror],
  ['people', (config) => config.people],
  ['telemetry', (config) => config.telemetry],
  ['audit.witnesses', (config) => config.audit.witnesses],
  ['audit.heartbeat', (config) => config.audit.heartbeat],
  ['audit.signer', (config) => config.audit.signer],
]

/** Settings that differ and are taken into use only when the gateway starts. */
export const waitingForStart = (before: Config, after: Config): string[] =>
  READ_AT_START.flatMap(([name, of]) =>
    JSON.stringify(of(before)) === JSON.stringify(of(after)) ? [] : [name],
  )
