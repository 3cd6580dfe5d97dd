import type { KeyObject } from 'node:crypto'
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto'
import { createPrivate, readPrivate, writePrivate } from './private-file.ts'

/** Public half of an instance key as a JWK (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
}

/** The key of one instance (ES256). The private half never leaves this object and its file. */
export class InstanceKey {
  readonly jwk: PublicJwk
  /** RFC 7638 thumbprint, base64url. */
  readonly thumbprint: string
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    this.#key = key
    const { crv, x, y } = createPublicKey(key).export({ format: 'jwk' })
    if (crv !== 'P-256') throw new Error('The key is not a P-256 key.')
    this.jwk = { kty: 'EC', crv: 'P-256', x: x as string, y: y as string }
    this.thumbprint = hash('sha256', JSON.stringify({ crv, kty: 'EC', x, y }), 'base64url')
  }

  static create(): InstanceKey {
    return new InstanceKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
  }

  /** Undefined when there is no such file. @throws when other accounts can read it or it holds no P-256 key */
  static load(path: string): InstanceKey | undefined {
    const pem = readPrivate(path)
    if (pem === undefined) return undefined
    try {
      return new InstanceKey(createPrivateKey(pem))
    } catch {
      // The cause could quote what the file holds.
      throw new Error(`${path} does not hold a P-256 key. Enrol again with a new code.`)
    }
  }

  save(path: string): void {
    writePrivate(path, this.#pem())
  }

  /** False when the file exists already. */
  saveNew(path: string): boolean {
    return createPrivate(path, this.#pem())
  }

  /** A compact JWS (RFC 7515) over the claims. */
  signJwt(header: Readonly<Record<string, unknown>>, claims: Readonly<Record<string, unknown>>): string {
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
    const input = `${encode({ alg: 'ES256', ...header })}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }

  #pem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }) as string
  }
}
