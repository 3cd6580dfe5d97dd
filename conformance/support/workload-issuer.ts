import { randomUUID } from 'node:crypto'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CryptoKey, JWK } from 'jose'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** An issuer of workload tokens, as a cluster or a build service is one, on loopback. */
export class WorkloadIssuer implements AsyncDisposable {
  readonly url: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
  /** Requests it has answered. */
  asked = 0
  /** Takes the place of its key set, to misbehave. */
  behave: RequestListener | undefined
  readonly #server: Server

  private constructor(server: Server, privateKey: CryptoKey, jwk: JWK) {
    this.#server = server
    this.privateKey = privateKey
    this.jwk = jwk
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (req, res) => {
      this.asked++
      const json = (body: object) =>
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      if (req.url === '/.well-known/openid-configuration')
        return json({ issuer: this.url, jwks_uri: `${this.url}/jwks` })
      if (this.behave) return this.behave(req, res)
      return json({ keys: [this.jwk] })
    })
  }

  static async start(kid = 'k1'): Promise<WorkloadIssuer> {
    const server = createServer()
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
    return new WorkloadIssuer(server, privateKey, {
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'ES256',
      use: 'sig',
    })
  }

  /** A token for an audience; `change` overwrites claims, `header` the header. */
  token(
    audience: string,
    change: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: this.url,
      sub: 'workload',
      aud: audience,
      iat: now,
      exp: now + 600,
      jti: randomUUID(),
    }
    return new SignJWT({ ...claims, ...change })
      .setProtectedHeader({ alg: 'ES256', kid: this.jwk.kid ?? '', ...header })
      .sign(this.privateKey)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}
