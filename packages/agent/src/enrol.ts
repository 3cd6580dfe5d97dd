import { createHash, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { InstanceKey } from './key.ts'
import { GatewayUnreachable, readAnswer } from './problem.ts'
import type { Identity } from './state.ts'
import { InstanceState } from './state.ts'

/**
 * Makes a key, proves it with a one-time code, and keeps what the gateway answers. The private key stays in `stateDir`.
 * @throws GatewayRefusal, GatewayUnreachable
 */
export async function enrol(options: { gateway: string; code: string; stateDir: string }): Promise<Identity> {
  const gateway = options.gateway.replace(/\/$/, '')
  const code = options.code.trim()
  const key = InstanceKey.create()
  const now = Math.floor(Date.now() / 1000)
  const proof = key.signJwt(
    { typ: 'ostiary-enrol+jwt' },
    {
      aud: gateway,
      iat: now,
      exp: now + 60,
      jti: randomUUID(),
      code_hash: createHash('sha256').update(code).digest('base64url'),
    },
  )
  const response = await fetch(`${gateway}/v1/enrol`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, jwk: key.jwk, proof, host: hostname() }),
    signal: AbortSignal.timeout(15_000),
  }).catch(() => {
    throw new GatewayUnreachable(
      `The gateway at ${gateway} cannot be reached. Start it with \`ostiary up\`, or check the address.`,
    )
  })
  const identity = await readAnswer<Identity>(response)
  new InstanceState(options.stateDir).enrolled(identity, key)
  return identity
}
