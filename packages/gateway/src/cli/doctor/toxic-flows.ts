import type { Labels } from '../../config/label-schema.ts'
import { ConfigInvalid } from '../../config/load.ts'
import type { TaskTemplate } from '../../config/schema.ts'
import { describeFlow, toxicFlows } from '../../flow/toxic.ts'
import { readConfig } from '../read-config.ts'
import type { Check, CheckResult } from './check.ts'

export const toxicFlowsCheck: Check = {
  id: 'toxic flows',
  async run({ configPath }) {
    try {
      const { config } = readConfig(configPath)
      return toxicFlowsResult(config.tasks, config.labels)
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      return { status: 'warn', saw: 'not known while the configuration is wrong' }
    }
  },
}

/** Templates that give one agent everything an attack by text needs. A warning: flow control judges each value at each call. */
export function toxicFlowsResult(
  tasks: Readonly<Record<string, Pick<TaskTemplate, 'tools' | 'resources'>>>,
  labels: Labels,
): CheckResult {
  const found = Object.entries(tasks).flatMap(([name, { tools, resources }]) =>
    toxicFlows([...Object.keys(tools), ...resources.map(({ server }) => `${server}#resources/read`)], labels)
      .filter(({ level }) => level === 'high')
      .map((flow) => `${name}: ${describeFlow(flow)}`),
  )
  if (found.length === 0) return { status: 'ok', saw: 'no task has all that an attack by text needs' }
  return {
    status: 'warn',
    saw: found.slice(0, 20).join('; '),
    fix: 'Split these templates, or narrow their tools; label what is not untrusted.',
  }
}
