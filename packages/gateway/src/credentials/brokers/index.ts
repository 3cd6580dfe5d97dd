import type { CredentialKind } from '../../config/credential-schema.ts'
import type { Broker, BrokerDeps } from '../broker.ts'
import { awsStsBroker } from './aws-sts.ts'
import { githubAppBroker } from './github-app.ts'
import { oauthBroker } from './oauth.ts'
import { outwardJwtBroker } from './outward-jwt.ts'
import { postgresBroker } from './postgres.ts'
import { smartBackendBroker } from './smart-backend.ts'
import { vaultBroker } from './vault.ts'

const ALL = [
  postgresBroker,
  oauthBroker,
  smartBackendBroker,
  githubAppBroker,
  awsStsBroker,
  vaultBroker,
  outwardJwtBroker,
] as const

/** Every kind of credential that can be minted. */
export const brokers = (deps: BrokerDeps): ReadonlyMap<CredentialKind, Broker> =>
  new Map(ALL.map((make) => make(deps) as Broker).map((broker) => [broker.kind, broker]))
