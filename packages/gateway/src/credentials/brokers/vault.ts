import { z } from 'zod'
import { outbound } from '../../lib/outbound.ts'
import { refuse } from '../../model/refusal.ts'
import type { Broker, BrokerDeps, MintRequest } from '../broker.ts'
import { asking } from './failed.ts'

const Answer = z.object({
  lease_id: z.string().min(1).max(500),
  lease_duration: z.number().int().nonnegative(),
  data: z.record(z.string(), z.unknown()),
})

/** A dynamic secret of HashiCorp Vault or OpenBao, under a lease of theirs that ours revokes (`sys/leases/revoke`). */
export function vaultBroker(deps: BrokerDeps): Broker<'vault'> {
  const headersFor = async ({ server, config }: Pick<MintRequest<'vault'>, 'server' | 'config'>) => ({
    'x-vault-token': (await deps.secret(server, config.token)).reveal(),
    'x-vault-request': 'true',
    ...(config.namespace === undefined ? {} : { 'x-vault-namespace': config.namespace }),
  })
  const base = (address: string) => address.replace(/\/$/, '')
  return {
    kind: 'vault',
    async mint(request) {
      const { config, server, signal } = request
      const headers = await headersFor(request)
      const answer = await asking(server, 'Vault', async () => {
        const { status, text } = await outbound({
          url: `${base(config.address)}/v1/${config.path}`,
          headers,
          origin: 'configured',
          signal,
        })
        if (status !== 200) throw new Error('refused')
        return Answer.parse(JSON.parse(text))
      })
      const values = Object.entries(answer.data).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' && /^[a-z_]{1,30}$/.test(name) ? [[name, value]] : [],
      )
      if (values.length === 0)
        refuse('CREDENTIAL_UNAVAILABLE', { server, detail: 'the secret in Vault has no fields of text' })
      return {
        values: new Map(values),
        expiresAt: answer.lease_duration === 0 ? undefined : deps.now() + answer.lease_duration * 1000,
        reference: answer.lease_id,
      }
    },
    async revoke(request) {
      const { config, server, reference, signal } = request
      if (reference === undefined) return
      const headers = await headersFor(request)
      await asking(server, 'Vault', async () => {
        const { status } = await outbound({
          url: `${base(config.address)}/v1/sys/leases/revoke`,
          method: 'PUT',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify({ lease_id: reference, sync: true }),
          origin: 'configured',
          signal,
        })
        // A lease that is gone answers 204 like one that went. 400 is how Vault says that the system behind did not revoke.
        if (status !== 204 && status !== 200) throw new Error('refused')
      })
    },
  }
}
