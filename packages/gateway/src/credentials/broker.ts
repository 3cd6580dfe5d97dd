import type { CredentialKind, CredentialOf } from '../config/credential-schema.ts'
import type { SealedReference, SecretReference } from '../config/fields.ts'
import type { RequestKey } from '../lib/http-signature.ts'
import type { Secret } from '../lib/secret.ts'

/** For whom a credential is minted. */
export interface LeaseHolder {
  readonly task: string
  readonly grant: string
  readonly agent: string
  readonly instance: string
  /** What or whom the task is about; the credential reaches nothing else where the system behind can be told so. */
  readonly subject: string | undefined
  readonly onBehalfOf: string
  readonly purpose: string
  /** End of the task, epoch milliseconds: no credential may be good for longer where its lifetime can be chosen. */
  readonly expiresAt: number
}

export interface MintRequest<K extends CredentialKind = CredentialKind> {
  /** `lse_…`; names the credential where it has a name, so that it can be found again after a crash. */
  readonly lease: string
  readonly server: string
  readonly config: CredentialOf<K>
  /** Undefined when the gateway itself asks the server what it offers: mint the least there is. */
  readonly holder: LeaseHolder | undefined
  readonly signal: AbortSignal
}

export interface Minted {
  /** Parts of the credential by name (`token`, `url`, `user`, …): every one of them is a secret. */
  readonly values: ReadonlyMap<string, string>
  /** Epoch milliseconds; undefined when the credential does not expire by itself. */
  readonly expiresAt: number | undefined
  /** The token is bound to this key of the gateway, which has to be proved with each request (RFC 9449). */
  readonly proof?: RequestKey
  /** What `revoke` needs beside the lease; kept sealed. */
  readonly reference?: string
}

export interface RevokeRequest<K extends CredentialKind = CredentialKind> {
  readonly lease: string
  readonly server: string
  readonly config: CredentialOf<K>
  /** Undefined after a crash between minting and writing it down. */
  readonly reference: string | undefined
  readonly signal: AbortSignal
}

/**
 * Mints credentials of one kind.
 * `mint` MUST yield what this holder may use and no more, MUST end when `signal` aborts, MUST refuse with CREDENTIAL_UNAVAILABLE, and MUST
 * NOT put a secret, or text of the other side, into an error, a log or a name.
 * `revoke` MUST be safe to repeat, MUST work for a lease whose minting was cut off at any point, and MUST reject when the credential may
 * still be good; one that can only lapse rejects with {@link CannotRevoke}.
 */
export interface Broker<K extends CredentialKind = CredentialKind> {
  readonly kind: K
  mint(request: MintRequest<K>): Promise<Minted>
  revoke(request: RevokeRequest<K>): Promise<void>
}

/** The system behind offers no revocation: the credential ends at its expiry, and is injected no more until then. */
export class CannotRevoke extends Error {
  override name = 'CannotRevoke'
}

/** What brokers are built with. */
export interface BrokerDeps {
  now(): number
  /** Turns a reference of the configuration into its value. @throws Refusal CREDENTIAL_UNAVAILABLE */
  secret(server: string, reference: SecretReference): Promise<Secret>
  /** A minute-long JWT of this gateway that says who acts for whom in which task, for one audience. @throws Refusal */
  outwardToken(
    request: Pick<MintRequest, 'server' | 'holder'>,
    audience: string,
    boundTo?: RequestKey,
  ): Promise<string>
  /** The key that signs for this gateway now. */
  requestKey(): RequestKey
  /** A secret that the other side has replaced: the new one counts from now on. */
  replaceSecret(reference: SealedReference, value: string): Promise<void>
}
