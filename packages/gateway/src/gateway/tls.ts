import { readFileSync } from 'node:fs'
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Config, SecretReference } from '../config/schema.ts'
import type { Secret } from '../lib/secret.ts'
import { CannotListen } from './listen.ts'

export type WebServer = HttpServer | HttpsServer

/** What the listener needs to speak TLS itself. PEM. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  /** Asks clients for a certificate. It need not chain to anything: a token is bound to its thumbprint. */
  readonly requestCert: boolean
}

/** @throws CannotListen when the files cannot be read or do not belong together */
export async function readTls(
  tls: Config['listen']['tls'],
  dir: string,
  secret: (server: string, reference: SecretReference) => Promise<Secret>,
): Promise<TlsMaterial | undefined> {
  if (!tls) return undefined
  const key = (await secret('listen.tls', tls.key)).reveal()
  try {
    const cert = readFileSync(resolve(dir, tls.cert), 'utf8')
    // Tells a key of another certificate now, not at the first connection.
    createSecureContext({ cert, key })
    return { cert, key, requestCert: tls.client_certificates }
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new CannotListen(
      `The certificate ${tls.cert} and its key cannot be used (${why}). Check \`listen.tls\` in ostiary.yaml.`,
    )
  }
}
