import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { reason } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import { authenticate, challenge } from './authenticate.ts'
import { proofBy, proofClaims, testKey } from './testing.ts'
import type { TokenSession } from './tokens.ts'
import { hashToken, mintToken } from './tokens.ts'

const key = testKey()
const now = 1_800_000_000_000
const url = 'https://gw.example/mcp/files'
const contentDigest = 'sha-256=:abc=:'
const token = mintToken()

type Change = Partial<Omit<TokenSession, 'status'>> & { status?: Partial<TokenSession['status']> }

const session = ({ status, ...change }: Change = {}): TokenSession => ({
  tokenHash: hashToken(token),
  principal: {
    agent: 'agt_1',
    agentName: 'bot',
    instance: 'ins_1',
    jkt: key.jkt,
    binding: 'dpop',
    sponsor: 'alice@example.org',
    chain: [{ agent: 'agt_1', instance: 'ins_1' }],
  },
  task: 'tsk_1',
  lineage: ['tsk_1'],
  expiresAt: now + 1000,
  status: { agent: 'active', instance: 'active', token: 'live', ...status },
  ...change,
})

const proof = (by = key, change: object = {}) =>
  proofBy(
    by,
    proofClaims(
      { htu: url, ath: hash('sha256', token, 'base64url'), content_digest: contentDigest, ...change },
      now,
    ),
  )

const presented = (change: object = {}) => ({
  authorization: `DPoP ${token}`,
  dpop: proof(),
  method: 'POST',
  url,
  contentDigest,
  certificate: undefined,
  now,
  windowMs: 60_000,
  ...change,
})

/** The reason of the refusal, and whether the token was looked up before it. */
async function refused(
  change: object,
  found: TokenSession = session(),
): Promise<{ code: string | undefined; lookedUp: boolean }> {
  let lookedUp = false
  try {
    await authenticate(presented(change), () => {
      lookedUp = true
      return found
    })
    return { code: undefined, lookedUp }
  } catch (error) {
    if (error instanceof Refusal) return { code: error.reason.code, lookedUp }
    throw error
  }
}

test('a live token with its proof is taken, in the same tick while it is in memory', () => {
  const result = authenticate(presented(), (tokenHash) => {
    assert.equal(tokenHash, hashToken(token))
    return session()
  })
  assert.ok(!(result instanceof Promise))
  assert.equal(result.session.principal.instance, 'ins_1')
  assert.match(result.replayKey ?? '', /^[\w-]{24}$/)
})

test('a token that has to be read from the store is checked all the same', async () => {
  const result = await authenticate(presented(), async () => session())
  assert.equal(result.session.task, 'tsk_1')
  await assert.rejects(
    async () => authenticate(presented(), async () => session({ expiresAt: now })),
    /expired/,
  )
})

test('two proofs never share a place in the replay memory, and one proof always has the same', () => {
  const replayKeyOf = (dpop: string) => {
    const result = authenticate(presented({ dpop }), () => session())
    assert.ok(!(result instanceof Promise))
    return result.replayKey
  }
  const one = proof(key, { jti: 'same-id-1' })
  assert.equal(replayKeyOf(one), replayKeyOf(one))
  assert.equal(replayKeyOf(one), replayKeyOf(proof(key, { jti: 'same-id-1' })))
  assert.notEqual(replayKeyOf(one), replayKeyOf(proof(key, { jti: 'same-id-2' })))
})

test('what cannot be one of our tokens is not even looked up', async () => {
  const flipped = token.slice(0, 10) + (token[10] === 'A' ? 'B' : 'A') + token.slice(11)
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'TOKEN_MISSING'],
    ['', 'TOKEN_INVALID'],
    ['DPoP', 'TOKEN_INVALID'],
    [`Basic ${token}`, 'TOKEN_INVALID'],
    [token, 'TOKEN_INVALID'],
    [`DPoP  ${token}`, 'TOKEN_INVALID'],
    [`DPoP ${token}, DPoP ${token}`, 'TOKEN_INVALID'],
    [`DPoP ${token}\n`, 'TOKEN_INVALID'],
    [`DPoP ${flipped}`, 'TOKEN_INVALID'],
    [`DPoP ${token}x`, 'TOKEN_INVALID'],
    [`DPoP ${'x'.repeat(100_000)}`, 'TOKEN_INVALID'],
  ]
  for (const [authorization, code] of cases)
    assert.deepEqual(
      await refused({ authorization }),
      { code, lookedUp: false },
      String(authorization).slice(0, 80),
    )
  assert.deepEqual(await refused({ dpop: undefined }), { code: 'PROOF_MISSING', lookedUp: false })
})

test('the scheme is read without regard to case, as HTTP has it', async () => {
  assert.equal((await refused({ authorization: `dpop ${token}` })).code, undefined)
})

test('a token nobody issued is refused, whatever the proof', async () => {
  const isInvalid = (error: unknown) => error instanceof Refusal && error.reason.code === 'TOKEN_INVALID'
  assert.throws(() => authenticate(presented(), () => undefined), isInvalid)
  await assert.rejects(async () => authenticate(presented(), async () => undefined), isInvalid)
})

test('the proof must be by the key of the token, for this token and this body', async () => {
  const other = mintToken()
  const cases: readonly (readonly [object, string])[] = [
    [{ dpop: proof(testKey()) }, 'PROOF_KEY_MISMATCH'],
    [{ dpop: proof(key, { ath: hash('sha256', other, 'base64url') }) }, 'PROOF_INVALID'],
    [{ dpop: proof(key, { content_digest: undefined }) }, 'PROOF_CONTENT_MISMATCH'],
    [{ dpop: `${proof()}, ${proof()}` }, 'PROOF_INVALID'],
    [{ method: 'DELETE' }, 'PROOF_TARGET_MISMATCH'],
    [{ url: `${url}/more` }, 'PROOF_TARGET_MISMATCH'],
    [{ now: now + 60_001 }, 'PROOF_STALE'],
    [{ now: now - 60_001 }, 'PROOF_STALE'],
  ]
  for (const [change, code] of cases) assert.equal((await refused(change)).code, code, code)
})

test('a clock that is off by less than the window does no harm', async () => {
  const long = session({ expiresAt: now + 600_000 })
  for (const skew of [-59_000, 59_000])
    assert.equal((await refused({ now: now + skew }, long)).code, undefined)
})

test('whoever was stopped gets nothing, and only the holder of the key learns why', async () => {
  const cases: readonly (readonly [TokenSession, string])[] = [
    [session({ status: { agent: 'revoked' } }), 'AGENT_REVOKED'],
    [session({ status: { agent: 'suspended' } }), 'AGENT_SUSPENDED'],
    [session({ status: { instance: 'revoked' } }), 'INSTANCE_REVOKED'],
    [session({ status: { token: 'revoked' } }), 'TOKEN_INVALID'],
    [session({ expiresAt: now }), 'TOKEN_EXPIRED'],
    [session({ expiresAt: now - 1 }), 'TOKEN_EXPIRED'],
  ]
  for (const [found, code] of cases) {
    assert.equal((await refused({}, found)).code, code)
    assert.equal((await refused({ dpop: proof(testKey()) }, found)).code, 'PROOF_KEY_MISMATCH', code)
  }
})

test('the challenge tells what was wrong in the words of the RFC, and where to ask', () => {
  const resourceMetadataUrl = 'https://gw.example/.well-known/oauth-protected-resource/mcp/files'
  const of = (code: Parameters<typeof reason>[0]) => challenge(reason(code), { resourceMetadataUrl })
  const start = `DPoP resource_metadata="${resourceMetadataUrl}", algs="ES256 EdDSA"`
  // RFC 6750 section 3.1: a request without any token gets no error code.
  assert.equal(of('TOKEN_MISSING'), start)
  assert.equal(of('TOKEN_EXPIRED'), `${start}, error="invalid_token"`)
  assert.equal(of('PROOF_STALE'), `${start}, error="invalid_dpop_proof"`)
})

const bound = (binding: 'mtls' | 'bearer', jkt: string): TokenSession =>
  session({ principal: { ...session().principal, binding, jkt } })

test('a token that is bound to a key is no bearer, and one that is not takes no proof for it', async () => {
  const bearer = { authorization: `Bearer ${token}`, dpop: undefined }
  assert.equal((await refused(bearer)).code, 'TOKEN_INVALID')
  assert.equal((await refused({ authorization: `Bearer ${token}` })).code, 'TOKEN_INVALID')
  assert.equal((await refused({}, bound('bearer', key.jkt))).code, 'TOKEN_INVALID')
  assert.equal((await refused({}, bound('mtls', key.jkt))).code, 'TOKEN_INVALID')
  assert.equal((await refused(bearer, bound('bearer', key.jkt))).code, undefined)
})

test('a token bound to a certificate is good on connections with that certificate alone', async () => {
  const found = bound('mtls', 'x5t:aaaa')
  const with_ = (certificate: string | undefined) => ({
    authorization: `Bearer ${token}`,
    dpop: undefined,
    certificate,
  })
  assert.equal((await refused(with_('aaaa'), found)).code, undefined)
  assert.equal((await refused(with_('bbbb'), found)).code, 'CERTIFICATE_MISMATCH')
  assert.equal((await refused(with_(undefined), found)).code, 'CERTIFICATE_MISSING')
  assert.equal((await refused(with_('x5t:aaaa'), found)).code, 'CERTIFICATE_MISMATCH')
  assert.equal((await refused({ ...with_('aaaa'), now: now + 1001 }, found)).code, 'TOKEN_EXPIRED')
})
