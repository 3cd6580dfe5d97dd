import { hash } from 'node:crypto'
import { hostname } from 'node:os'
import { Http } from './http.ts'
import { InstanceKey } from './key.ts'
import { noGateway } from './problem.ts'
import { keyJwt } from './proof.ts'
import type { Identity } from './state.ts'
import { InstanceState, readIdentity } from './state.ts'

/**
 * Makes a key, proves it with a one-time code, and keeps what the gateway answers. The private key stays in `stateDir`.
 * @throws GatewayRefusal, GatewayUnreachable
 */
export async function enrol(options: { gateway: string; code: string; stateDir: string }): Promise<Identity> {
  const gateway = options.gateway.replace(/\/$/, '')
  refuseCleartext(gateway)
  const state = new InstanceState(options.stateDir)
  state.prepare()
  const code = options.code.trim()
  const key = InstanceKey.create()
  const proof = keyJwt(key, {
    typ: 'ostiary-enrol+jwt',
    issuer: gateway,
    lifeS: 60,
    claims: { code_hash: hash('sha256', code, 'base64url') },
  })
  await using http = new Http(gateway)
  const answer = await http.control(`${gateway}/v1/enrol`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, jwk: key.jwk, proof, host: hostname() }),
  })
  const identity = readIdentity(answer)
  // Everything later is sent to the issuer, so it has to be the gateway that this code was meant for.
  if (identity?.issuer !== gateway) throw noGateway(gateway)
  state.enrolled(identity, key)
  return identity
}

/** Whoever reads the code on the way could enrol in this instance's place. */
function refuseCleartext(gateway: string): void {
  const url = URL.parse(gateway)
  if (url?.protocol === 'https:') return
  const loopback = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/.test(url?.hostname ?? '')
  if (url?.protocol === 'http:' && loopback) return
  throw new Error(
    `${gateway} is not an https address. Plain http is for a gateway on this machine alone; put TLS in front of it.`,
  )
}
