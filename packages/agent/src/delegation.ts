import { Agent } from './agent.ts'
import { Http } from './http.ts'
import { InstanceKey } from './key.ts'
import { member, noGateway } from './problem.ts'
import { dpopProof } from './proof.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'

/** What of a task a sub-agent gets; whatever is left out is as in the task itself. */
export interface Part {
  /** Objects of the task's own `authorization_details` of type `urn:ostiary:mcp:v1`, narrowed at will. */
  readonly details?: readonly object[]
  readonly budget?: Readonly<Partial<Record<'calls' | 'writes' | 'subjects' | 'bytes' | 'spend', number>>>
  /** Seconds. */
  readonly lifetime?: number
  /** How many links may hang below the sub-agent in turn. */
  readonly depth?: number
  readonly purpose?: string
}

/** A sub-agent at work: an instance of its own with a part of a task, which ends with the task above. */
export interface Delegated {
  readonly agent: Agent
  readonly task: string
}

/**
 * The key of a sub-agent that is still to get its part of a task. The agent above signs a delegation for `thumbprint`
 * ({@link Agent.delegate}); nothing secret passes between the two.
 */
export class SubAgent {
  readonly #gateway: string
  readonly #key = InstanceKey.create()

  /** @param gateway base address, as in `agent.identity.issuer` */
  constructor(gateway: string) {
    this.#gateway = gateway
  }

  get thumbprint(): string {
    return this.#key.thumbprint
  }

  /** Takes the part of the task that `delegation` hands to this key (RFC 8693). @throws GatewayRefusal, GatewayUnreachable */
  async take(delegation: string): Promise<Delegated> {
    await using http = new Http(this.#gateway)
    const url = `${this.#gateway}/oauth/token`
    const answer = await http.control(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        dpop: dpopProof(this.#key, { method: 'POST', url }),
      },
      body: new URLSearchParams({
        grant_type: EXCHANGE,
        subject_token: delegation,
        subject_token_type: JWT_TYPE,
      }).toString(),
    })
    const details = member(answer, 'authorization_details')
    const task = Array.isArray(details) ? member(details[0], 'task') : undefined
    const instance = member(answer, 'client_id')
    if (typeof task !== 'string' || typeof instance !== 'string') throw noGateway(this.#gateway)
    const identity = { instance, agent: '', issuer: this.#gateway }
    return { agent: new Agent({ identity, key: this.#key }), task }
  }
}
