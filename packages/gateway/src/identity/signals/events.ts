/** Event types (OpenID CAEP 1.0 section 3, RISC 1.0 section 2). */
export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
export const CREDENTIAL_CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/credential-change'
export const ACCOUNT_DISABLED = 'https://schemas.openid.net/secevent/risc/event-type/account-disabled'

export const UNDERSTOOD: readonly string[] = [SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED]

/** The type of a security event token (RFC 8417 section 2.3). */
export const SET_TYP = 'secevent+jwt'
