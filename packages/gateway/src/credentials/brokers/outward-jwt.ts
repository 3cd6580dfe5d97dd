import type { Broker, BrokerDeps } from '../broker.ts'
import { CannotRevoke } from '../broker.ts'

const LIFETIME_MS = 60_000

/** This gateway's own minute-long JWT, for upstreams that take it as it is. It ends by itself, and its status list tells earlier. */
export function outwardJwtBroker(deps: BrokerDeps): Broker<'outward-jwt'> {
  return {
    kind: 'outward-jwt',
    async mint(request) {
      const { audience, dpop } = request.config
      const proof = dpop ? { proof: deps.requestKey() } : {}
      return {
        values: new Map([['token', await deps.outwardToken(request, audience, proof.proof)]]),
        expiresAt: deps.now() + LIFETIME_MS,
        reference: 'minted',
        ...proof,
      }
    },
    async revoke({ reference }) {
      if (reference !== undefined) throw new CannotRevoke()
    },
  }
}
