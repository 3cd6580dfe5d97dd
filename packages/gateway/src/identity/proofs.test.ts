import assert from 'node:assert/strict'
import { hash, sign } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../model/refusal.ts'
import { KeyCache, parseJws, readJwk } from './jws.ts'
import { verifyProof } from './proofs.ts'
import { ReplayWindow } from './replay.ts'
import { confusedJws, proofBy, proofClaims, signJws, testKey } from './testing.ts'

const key = testKey()
const now = 1_800_000_000_000
const URL_ = 'https://gw.example/mcp/files'
const TOKEN = 'ost_token'
const DIGEST = 'sha-256=:abc=:'
const ath = hash('sha256', TOKEN, 'base64url')
const good = { ath, content_digest: DIGEST }

const outcome = (proof: string, change: object = {}): string => {
  try {
    const input = {
      method: 'POST',
      url: URL_,
      now,
      windowMs: 60_000,
      accessToken: TOKEN,
      contentDigest: DIGEST,
    }
    verifyProof({ proof, ...input, ...change })
    return 'ok'
  } catch (error) {
    if (error instanceof Refusal) return error.reason.code
    throw error
  }
}

const claims = (change: object = {}) => proofClaims({ ...good, ...change }, now)

test('a proof by either kind of key is taken', () => {
  assert.equal(outcome(proofBy(key, claims())), 'ok')
  assert.equal(outcome(proofBy(testKey('EdDSA'), claims())), 'ok')
})

test('a proof for something else is refused', () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ htm: 'GET' }, 'PROOF_TARGET_MISMATCH'],
    [{ htm: 'post' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: 'https://gw.example/mcp/mail' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: 'http://gw.example/mcp/files' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: 'https://gw.example.evil/mcp/files' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: 'https://gw.example@evil/mcp/files' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: 'https://gw.example/mcp%2Ffiles' }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: undefined }, 'PROOF_TARGET_MISMATCH'],
    [{ htu: [URL_] }, 'PROOF_TARGET_MISMATCH'],
    [{ iat: Math.floor(now / 1000) - 61 }, 'PROOF_STALE'],
    [{ iat: Math.floor(now / 1000) + 61 }, 'PROOF_STALE'],
    [{ iat: '1800000000' }, 'PROOF_INVALID'],
    [{ iat: Number.NaN }, 'PROOF_INVALID'],
    [{ jti: 'short' }, 'PROOF_INVALID'],
    [{ jti: 'x'.repeat(129) }, 'PROOF_INVALID'],
    [{ jti: undefined }, 'PROOF_INVALID'],
    [{ ath: undefined }, 'PROOF_INVALID'],
    [{ ath: hash('sha256', 'other', 'base64url') }, 'PROOF_INVALID'],
    [{ content_digest: undefined }, 'PROOF_CONTENT_MISMATCH'],
    [{ content_digest: 'sha-256=:abd=:' }, 'PROOF_CONTENT_MISMATCH'],
  ]
  for (const [change, code] of cases)
    assert.equal(outcome(proofBy(key, claims(change))), code, JSON.stringify(change))
})

test('spellings of the same address are the same', () => {
  for (const htu of [
    'HTTPS://GW.EXAMPLE/mcp/files',
    'https://gw.example:443/mcp/files',
    `${URL_}?a=b#c`,
    'https://gw.example/mcp/%66iles',
  ]) {
    assert.equal(outcome(proofBy(key, claims({ htu }))), 'ok', htu)
  }
})

test('a proof cannot be made without the key it shows', () => {
  const other = testKey()
  const cases = {
    'of another key': signJws(other, { typ: 'dpop+jwt', jwk: key.jwk }, claims()),
    'with no algorithm': `${proofBy(key, claims(), { alg: 'none' }).split('.').slice(0, 2).join('.')}.`,
    'with `none` and a signature': proofBy(key, claims(), { alg: 'none' }),
    'that takes the public key for a shared secret': confusedJws(
      key,
      { typ: 'dpop+jwt', jwk: key.jwk },
      claims(),
    ),
    'of the other algorithm': proofBy(key, claims(), { alg: 'EdDSA' }),
    'of another type': proofBy(key, claims(), { typ: 'JWT' }),
    'without a key': proofBy(key, claims(), { jwk: undefined }),
    'with a shared secret for a key': proofBy(key, claims(), { jwk: { kty: 'oct', k: 'AAAA' } }),
    'with the private half': proofBy(key, claims(), { jwk: key.privateKey.export({ format: 'jwk' }) }),
    'with critical extensions': proofBy(key, claims(), { crit: ['exp'], exp: 1 }),
    'that is too long': proofBy(key, claims({ pad: 'x'.repeat(9000) })),
    'in four parts': `${proofBy(key, claims())}.x`,
    'with padding': `${proofBy(key, claims())}=`,
  }
  for (const [what, proof] of Object.entries(cases)) assert.equal(outcome(proof), 'PROOF_INVALID', what)
})

test('a key has one spelling only, or one key would have two thumbprints', () => {
  const x = key.jwk.x as string
  // The last character of 32 bytes in base64url has two bits that do not count.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(x.at(-1) as string)
  const twin = x.slice(0, -1) + (alphabet[last ^ 1] as string)
  assert.deepEqual(Buffer.from(twin, 'base64url'), Buffer.from(x, 'base64url'))
  for (const spelled of [twin, `${x}=`, ` ${x}`, `${x}A`]) {
    assert.throws(() => readJwk({ ...key.jwk, x: spelled }), /malformed/)
  }
  assert.throws(() => readJwk({ kty: 'EC', crv: 'P-256', x, y: x }), /malformed/, 'a point off the curve')
})

test('no changed byte of a proof goes unnoticed, and nothing but a refusal comes of it', () => {
  const proof = proofBy(key, claims())
  fc.assert(
    fc.property(fc.nat(proof.length - 1), fc.constantFrom(...'ABCabc019-_.'), (at, char) => {
      const changed = proof.slice(0, at) + char + proof.slice(at + 1)
      if (changed === proof) return
      // Two bits of the last character carry nothing.
      const same = Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(
        Buffer.from(proof.split('.')[2] ?? '', 'base64url'),
      )
      if (same && changed.split('.').slice(0, 2).join() === proof.split('.').slice(0, 2).join()) return
      assert.notEqual(outcome(changed), 'ok')
    }),
    { numRuns: 500 },
  )
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => assert.notEqual(outcome(text), 'ok')))
})

test('whatever an attacker signs with a key of its own, nothing but a refusal comes of it', () => {
  const names = ['htm', 'htu', 'iat', 'jti', 'ath', 'content_digest', 'x']
  const part = (own: readonly string[]) =>
    fc.tuple(
      fc.constantFrom(...own),
      fc.oneof(fc.jsonValue(), fc.constant(undefined), fc.webUrl(), fc.double()),
    )
  // One claim that is not what was asked for is enough, so `x` is the only one that may be anything.
  fc.assert(
    fc.property(part(names), ([name, value]) => {
      const expected = claims()
      const same =
        JSON.stringify({ v: value }) === JSON.stringify({ v: expected[name as keyof typeof expected] })
      const result = outcome(proofBy(key, { ...expected, [name]: value }))
      if (name === 'jti' && typeof value === 'string' && value.length >= 8 && value.length <= 128) return
      if (name !== 'x' && !same) assert.notEqual(result, 'ok', `${name}: ${JSON.stringify(value)}`)
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(part(['alg', 'typ', 'jwk', 'crit']), ([name, value]) => {
      assert.notEqual(outcome(proofBy(key, claims(), { [name]: value ?? null })), 'ok')
    }),
    { numRuns: 400 },
  )
  fc.assert(
    fc.property(part(['kty', 'crv', 'x', 'y', 'd', 'k', 'p']), ([name, value]) => {
      const jwk = { ...key.jwk, [name]: value ?? null }
      assert.notEqual(outcome(proofBy(key, claims(), { jwk })), 'ok')
    }),
    { numRuns: 400 },
  )
})

test('a claim that comes twice is refused, since readers disagree which one counts', () => {
  const twice = JSON.stringify(claims()).replace('{', '{"htu":"https://evil.example/",')
  const head = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk })).toString(
    'base64url',
  )
  const input = `${head}.${Buffer.from(twice).toString('base64url')}`
  const signature = sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  assert.equal(outcome(`${input}.${signature.toString('base64url')}`), 'PROOF_INVALID')
})

test('a signature in the form of X.509 is refused: RFC 7518 knows one form only', () => {
  const [head, body] = proofBy(key, claims()).split('.')
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), key.privateKey)
  assert.equal(outcome(`${head}.${body}.${signature.toString('base64url')}`), 'PROOF_INVALID')
})

test('the memory of keys is bounded and holds only keys that signed something', () => {
  const cache = new KeyCache(3)
  const made = Array.from({ length: 5 }, () => testKey())
  for (const own of made) cache.verify(parseJws(proofBy(own, claims())))
  assert.equal(cache.size, 3)
  assert.throws(() => cache.verify(parseJws(signJws(testKey(), { jwk: testKey().jwk }, {}))))
  assert.equal(cache.size, 3)
})

test('what was used stays used for as long as a proof can be fresh, and not for ever', () => {
  let time = 0
  const window = new ReplayWindow(100, () => time)
  assert.equal(window.use('a'), true)
  for (time = 0; time <= 100; time += 10) assert.equal(window.use('a'), false, `${time}`)
  time = 99
  assert.equal(window.use('b'), true)
  for (time = 99; time < 199; time += 10) assert.equal(window.use('b'), false, `${time}`)
  time = 1000
  assert.equal(window.use('c'), true)
  time = 2000
  assert.equal(window.use('d'), true)
  assert.ok(window.size <= 2)
})
