import { ConfigInvalid } from '../../config/load.ts'
import { contradictions } from '../../flow/contradictions.ts'
import { readConfig } from '../read-config.ts'
import type { Check } from './check.ts'

/** Whether information flow is controlled, and whether the labels can be true. */
export const flow: Check = {
  id: 'flow',
  async run({ configPath }) {
    let config: ReturnType<typeof readConfig>['config']
    try {
      config = readConfig(configPath).config
    } catch (error) {
      if (error instanceof ConfigInvalid)
        return { status: 'warn', saw: 'not known while the configuration is invalid' }
      throw error
    }
    const [first] = contradictions(config.labels)
    if (first)
      return {
        status: 'fail',
        saw: `${first.readers.join(', ')} is trusted, and agents write to the same place (${first.place}) with ${first.writers.join(', ')}`,
        fix: 'Label the result untrusted, or trust single fields that they cannot write (`result.trusted`).',
      }
    const labelled = Object.keys(config.labels).length
    if (config.flow.mode === 'observe')
      return {
        status: 'warn',
        saw: `it only observes; ${labelled} tools have labels`,
        fix: 'Label the tools (`ostiary tool label <server>`), look at what would be held, then write `flow: { mode: enforce }`.',
      }
    return { status: 'ok', saw: `enforced; ${labelled} tools have labels, every other one asks a person` }
  },
}
