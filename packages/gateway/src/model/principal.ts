/** One link of a delegation chain, newest first (RFC 8693 section 4.1 `act`, outermost first). */
export interface Actor {
  readonly agent: string
  readonly instance: string
}

export type Binding = 'dpop' | 'mtls' | 'bearer'

/** WHO: the verified author of one action. Built only by the authenticate stage, never from what an agent says of itself. */
export interface Principal {
  readonly agent: string
  readonly agentName: string
  readonly instance: string
  /** RFC 7638 thumbprint (base64url SHA-256) of the instance key that proved possession for this very request. */
  readonly jkt: string
  /** How this very request proved possession: by DPoP, by the client certificate of the connection, or not at all. */
  readonly binding: Binding
  /** The accountable human. */
  readonly sponsor: string
  readonly chain: readonly Actor[]
}
