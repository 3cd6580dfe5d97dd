import type { Config } from '../config/schema.ts'
import type { Reason } from '../model/reasons.ts'
import { reason } from '../model/reasons.ts'

/** Where agents, servers and providers of models stand, and which segment may reach which. */
export interface Placement {
  segmentOfAgent(name: string): string | undefined
  /** Of a server, or a provider of models. */
  segmentOfServer(name: string): string | undefined
  /** Why this agent may not reach this server; undefined when it may. */
  route(agentName: string, server: string): Reason | undefined
}

/** An exact name wins over `*`; what is in no segment reaches nothing. */
export function placement(config: Pick<Config, 'segments' | 'routes' | 'models'>): Placement {
  const agents = new Map<string, string>()
  const servers = new Map<string, string>()
  const models = new Map<string, string>()
  for (const [segment, members] of Object.entries(config.segments)) {
    for (const agent of members.agents) agents.set(agent, segment)
    for (const server of members.servers) servers.set(server, segment)
    for (const model of members.models) models.set(model, segment)
  }
  const routes = new Set(config.routes.map(({ from, to }) => `${from}\n${to}`))
  const segmentOfAgent = (name: string) => agents.get(name) ?? agents.get('*')
  // No server has the name of a provider, and neither is meant where all of the others are.
  const segmentOfServer = (name: string) => {
    const placed = Object.hasOwn(config.models, name) ? models : servers
    return placed.get(name) ?? placed.get('*')
  }
  return {
    segmentOfAgent,
    segmentOfServer,
    route(agentName, server) {
      const from = segmentOfAgent(agentName)
      if (from === undefined) return reason('SEGMENT_UNPLACED', { what: `The agent ${agentName}` })
      const to = segmentOfServer(server)
      if (to === undefined) return reason('SEGMENT_UNPLACED', { what: `The server or provider ${server}` })
      return routes.has(`${from}\n${to}`) ? undefined : reason('SEGMENT_NO_ROUTE', { from, to })
    },
  }
}
