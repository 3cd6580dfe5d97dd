import type { JsonObject } from '../../../model/json.ts'
import type { Facts } from '../facts.ts'
import type { OcsfClass } from './kinds.ts'

/** What a class asks for beyond what all have; who it was is with the profiles. */
export function attributesOf(kind: OcsfClass, facts: Facts, id: string): JsonObject {
  switch (kind) {
    case 'api':
      return {
        api: {
          operation: facts.method ?? 'unknown',
          ...(facts.call === undefined ? {} : { request: { uid: facts.call } }),
          ...(facts.server === undefined ? {} : { service: { name: facts.server } }),
        },
        src_endpoint: { name: facts.instance ?? facts.actor },
        ...resourcesOf(facts),
      }
    case 'session':
      return { user: userOf(facts), privileges: [facts.task ?? 'none'] }
    case 'authentication':
      return { user: userOf(facts), service: { name: 'ostiary' }, is_remote: true }
    case 'entity':
      return { entity: { name: facts.target } }
    case 'finding':
      return {
        finding_info: { uid: id, title: facts.code ?? 'Content that was not let through as it was' },
        ...resourcesOf(facts),
      }
    case 'lifecycle':
      // A process of a server, or the gateway itself.
      return { app: { name: facts.server ?? 'Ostiary', vendor_name: facts.server ?? 'Ostiary' } }
    case 'base':
      return {}
  }
}

const userOf = ({ actor, instance }: Facts): JsonObject => ({
  name: actor,
  ...(instance === undefined ? {} : { uid: instance }),
})

const resourcesOf = ({ name, server }: Facts): JsonObject =>
  name === undefined
    ? {}
    : { resources: [{ name, ...(server === undefined ? {} : { group: { name: server } }) }] }
