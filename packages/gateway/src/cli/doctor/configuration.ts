import { ConfigInvalid } from '../../config/load.ts'
import { readConfig } from '../read-config.ts'
import type { Check } from './check.ts'

export const configuration: Check = {
  id: 'configuration',
  async run({ configPath }) {
    try {
      readConfig(configPath)
      return { status: 'ok', saw: configPath }
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      return {
        status: 'fail',
        saw: error.message,
        fix: 'Correct the file; a running gateway keeps the one before.',
      }
    }
  },
}
