import { AwsV4Signer } from 'aws4fetch'
import { z } from 'zod'
import { outbound } from '../../lib/outbound.ts'
import type { Json } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import type { Broker, BrokerDeps, MintRequest } from '../broker.ts'
import { CannotRevoke } from '../broker.ts'
import { asking } from './failed.ts'
import { withSubject } from './subject.ts'

const FORM = 'application/x-www-form-urlencoded; charset=utf-8'
/** AssumeRole takes a session policy of at most this many characters. */
const MAX_POLICY = 2048

const Answer = z.object({
  AssumeRoleResponse: z.object({
    AssumeRoleResult: z.object({
      Credentials: z.object({
        AccessKeyId: z.string().min(16).max(128),
        SecretAccessKey: z.string().min(1).max(256),
        SessionToken: z.string().min(1).max(8192),
        Expiration: z.number(),
      }),
    }),
  }),
})

/** Temporary credentials by AssumeRole (AWS STS API 2011-06-15): the role, cut down by a session policy; the intersection counts. */
export function awsStsBroker(deps: BrokerDeps): Broker<'aws-sts'> {
  return {
    kind: 'aws-sts',
    async mint(request) {
      const { config, server, lease, holder, signal } = request
      const policy = JSON.stringify(substituted(request, config.policy as Json))
      if (policy.length > MAX_POLICY)
        refuse('CREDENTIAL_UNAVAILABLE', {
          server,
          detail: `its session policy is longer than ${MAX_POLICY} characters`,
        })
      const body = new URLSearchParams({
        Action: 'AssumeRole',
        Version: '2011-06-15',
        RoleArn: config.role,
        // The lease is what their record and ours have in common.
        RoleSessionName: lease.slice(0, 64),
        DurationSeconds: String(config.lifetime),
        Policy: policy,
        ...(holder === undefined ? {} : { SourceIdentity: holder.agent.slice(0, 64) }),
      }).toString()
      const url = config.endpoint ?? `https://sts.${config.region}.amazonaws.com/`
      const signer = new AwsV4Signer({
        url,
        method: 'POST',
        headers: { 'content-type': FORM, accept: 'application/json' },
        body,
        accessKeyId: (await deps.secret(server, config.access_key_id)).reveal(),
        secretAccessKey: (await deps.secret(server, config.secret_access_key)).reveal(),
        service: 'sts',
        region: config.region,
        datetime: new Date(deps.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
      })
      const { headers } = await signer.sign()
      const answer = await asking(server, 'AWS STS', async () => {
        const { status, text } = await outbound({
          url,
          method: 'POST',
          headers: Object.fromEntries(headers),
          body,
          origin: 'configured',
          signal,
        })
        if (status !== 200) throw new Error('refused')
        return Answer.parse(JSON.parse(text)).AssumeRoleResponse.AssumeRoleResult.Credentials
      })
      return {
        values: new Map([
          ['access_key_id', answer.AccessKeyId],
          ['secret_access_key', answer.SecretAccessKey],
          ['session_token', answer.SessionToken],
        ]),
        expiresAt: answer.Expiration * 1000,
        reference: 'minted',
      }
    },
    async revoke({ reference }) {
      if (reference !== undefined) throw new CannotRevoke()
    },
  }
}

/** Puts the subject into every text of a policy; names of members stay as they are. */
function substituted(request: Pick<MintRequest, 'server' | 'holder'>, value: Json): Json {
  if (typeof value === 'string') return withSubject(request, value)
  if (Array.isArray(value)) return value.map((item: Json) => substituted(request, item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, substituted(request, inner as Json)]),
  )
}
