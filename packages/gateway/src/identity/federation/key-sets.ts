import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { JWK } from 'jose'
import { z } from 'zod'
import type { KeySource } from '../../config/trust-schema.ts'
import type { OutboundRequest } from '../../lib/outbound.ts'
import { OutboundFailed, outbound } from '../../lib/outbound.ts'
import { parseStrict } from '../../lib/strict-json.ts'
import { refuse } from '../../model/refusal.ts'

const MAX_BYTES = 65_536
const MAX_KEYS = 50
const FRESH_MS = 5 * 60_000
/** A set whose source does not answer is used for this long. */
const STALE_MS = 24 * 60 * 60_000
/** An unknown key makes the set be read again, but not more often than this: anybody can name unknown keys. */
const COOLDOWN_MS = 30_000

const KeySet = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(MAX_KEYS) })
const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() })

interface Held {
  keys: readonly JWK[]
  readAt: number
  triedAt: number
}

export interface Source {
  readonly keys: KeySource | { readonly discover: string }
  /** Which `use` its keys have: SPIFFE bundles have their own. */
  readonly use: 'sig' | 'jwt-svid'
}

/** The keys of issuers, read when needed and kept. One issuer that hangs holds up nobody else. */
export class KeySets {
  readonly #dir: string
  readonly #now: () => number
  readonly #held = new Map<string, Held>()
  readonly #reading = new Map<string, Promise<void>>()

  /** @param dir folder against which files are resolved */
  constructor(options: { dir: string; now: () => number }) {
    this.#dir = options.dir
    this.#now = options.now
  }

  /**
   * Keys of one source that could have made a signature. Nothing a token says about where its key is has any influence.
   * @throws Refusal FEDERATION_KEYS_UNAVAILABLE
   */
  async find(
    trust: string,
    source: Source,
    wanted: { kid: string | undefined; alg: string },
  ): Promise<readonly JWK[]> {
    const id = JSON.stringify([trust, source])
    const fits = () => (this.#held.get(id)?.keys ?? []).filter((key) => fit(key, wanted))
    const now = this.#now()
    const held = this.#held.get(id)
    const isFresh = held !== undefined && now - held.readAt < FRESH_MS
    const found = fits()
    if (isFresh && found.length > 0) return found
    if (held === undefined || now - held.triedAt >= COOLDOWN_MS) await this.#read(id, trust, source)
    const after = this.#held.get(id)
    if (after === undefined || now - after.readAt > STALE_MS) refuse('FEDERATION_KEYS_UNAVAILABLE', { trust })
    return fits()
  }

  #read(id: string, trust: string, source: Source): Promise<void> {
    const pending = this.#reading.get(id)
    if (pending !== undefined) return pending
    const reading = this.#fetch(source)
      .then((keys) => {
        this.#held.set(id, { keys, readAt: this.#now(), triedAt: this.#now() })
      })
      .catch((error: unknown) => {
        if (!(error instanceof OutboundFailed || error instanceof SyntaxError || error instanceof z.ZodError))
          throw error
        // What was read before stays good for a while; a first reading that fails is tried again at the next token.
        const held = this.#held.get(id)
        if (held) held.triedAt = this.#now()
        else refuse('FEDERATION_KEYS_UNAVAILABLE', { trust })
      })
      .finally(() => this.#reading.delete(id))
    this.#reading.set(id, reading)
    return reading
  }

  async #fetch({ keys: where, use }: Source): Promise<readonly JWK[]> {
    if (typeof where === 'object' && 'file' in where) {
      const text = await readFile(resolve(this.#dir, where.file), 'utf8').catch(() => {
        throw new OutboundFailed('the file cannot be read')
      })
      return readKeySet(text, use)
    }
    if (typeof where === 'string') return readKeySet(await get(where), use)
    const { discover } = where
    const document = Discovery.parse(
      strict(await get(`${discover.replace(/\/$/, '')}/.well-known/openid-configuration`)),
    )
    // Mix-up: a document for another issuer says nothing about this one (OpenID Connect Discovery section 4.3).
    if (document.issuer !== discover) throw new OutboundFailed('its document names another issuer')
    // The operator wrote down the issuer; where else its document leads is the issuer's word, which must not reach what is inside.
    const isIts = new URL(document.jwks_uri).origin === new URL(discover).origin
    return readKeySet(await get(document.jwks_uri, isIts ? 'configured' : 'stranger'), use)
  }
}

async function get(url: string, origin: OutboundRequest['origin'] = 'configured'): Promise<string> {
  const { status, text } = await outbound({ url, origin, maxBytes: MAX_BYTES })
  if (status !== 200) throw new OutboundFailed(`it answered with status ${status}`)
  return text
}

function strict(text: string): unknown {
  try {
    return parseStrict(Buffer.from(text)).value
  } catch {
    throw new SyntaxError('not JSON')
  }
}

/** Only public keys for signatures; a symmetric one would let whoever reads the set sign. */
function readKeySet(text: string, use: Source['use']): readonly JWK[] {
  return KeySet.parse(strict(text)).keys.flatMap((key) => {
    const isPublic = key.kty === 'EC' || key.kty === 'RSA' || key.kty === 'OKP'
    const isForThis = use === 'jwt-svid' ? key.use === 'jwt-svid' : key.use === undefined || key.use === 'sig'
    if (!isPublic || !isForThis || 'd' in key || isWeak(key)) return []
    // `jose` takes no key whose `use` is not `sig`; which use it has is checked above.
    const { use: _, key_ops: __, x5u: ___, ...rest } = key
    return [rest as JWK]
  })
}

/** RSA below 2048 bits (NIST SP 800-131A). */
const isWeak = ({ kty, n }: Record<string, unknown>): boolean =>
  kty === 'RSA' && (typeof n !== 'string' || Buffer.from(n, 'base64url').length < 256)

const KTY: Readonly<Record<string, string>> = { ES: 'EC', RS: 'RSA', PS: 'RSA', Ed: 'OKP' }

function fit(key: JWK, { kid, alg }: { kid: string | undefined; alg: string }): boolean {
  if (kid !== undefined && key.kid !== kid) return false
  if (key.alg !== undefined && key.alg !== alg) return false
  return key.kty === KTY[alg.slice(0, 2)]
}
