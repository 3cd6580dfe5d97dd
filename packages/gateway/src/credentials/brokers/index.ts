import type { CredentialKind } from '../../config/credential-schema.ts'
import type { Broker, BrokerDeps } from '../broker.ts'
import { postgresBroker } from './postgres.ts'

/** Every kind of credential that can be minted. */
export function brokers(deps: BrokerDeps): ReadonlyMap<CredentialKind, Broker> {
  const all = [postgresBroker(deps)]
  return new Map(all.map((broker) => [broker.kind, broker as Broker]))
}
