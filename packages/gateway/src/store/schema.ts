/**
 * The tables, as both dialects return them. One representation everywhere: times are integer epoch milliseconds, booleans 0 or 1,
 * JSON is canonical text, ids are `prefix_ulid` text. Token values and private keys are never stored.
 */
export interface Database {
  agents: AgentRow
  enrolment_codes: EnrolmentCodeRow
  instances: InstanceRow
  instance_keys: InstanceKeyRow
  vouchers: VoucherRow
  tokens: TokenRow
  servers: ServerRow
  tools: ToolRow
  tasks: TaskRow
  grants: GrantRow
  locks: LockRow
  secrets: SecretRow
  leases: LeaseRow
  operators: OperatorRow
  sign_in_links: SignInLinkRow
  operator_sessions: OperatorSessionRow
  passkeys: PasskeyRow
  proposals: ProposalRow
  signing_keys: SigningKeyRow
  outward_tokens: OutwardTokenRow
  signals_in: SignalInRow
  signals_out: SignalOutRow
  oauth_clients: OauthClientRow
  authorization_codes: AuthorizationCodeRow
  refresh_tokens: RefreshTokenRow
  subjects: SubjectRow
  body_keys: BodyKeyRow
  epochs: EpochRow
}

export interface AgentRow {
  id: string
  name: string // unique
  sponsor: string // not null: no agent without an accountable human
  purpose: string
  status: 'active' | 'suspended' | 'revoked'
  created_at: number
  review_due_at: number // after it the agent gets no new task
  sponsor_left_at: number | null
  bearer: number // 1: may hold tokens that are bound to no key
}

export interface EnrolmentCodeRow {
  code_hash: string // primary key: hex SHA-256
  agent_id: string
  expires_at: number
  used_at: number | null
  created_at: number
}

export interface InstanceRow {
  id: string
  agent_id: string
  host: string // as the instance said; a hint for people
  status: 'active' | 'revoked'
  enrolled_at: number
  last_seen_at: number
  method: string // how it came in: one-time code, delegation, oidc:<trust>, spiffe:<trust>, x509:<trust>, sign-in
  attested: string // what somebody else vouched for, canonical JSON
  parent_task: string | null // a sub-agent's instance ends with the task that made it
  vouched_until: number | null // end of the last token that vouched for it; null: it needs none
}

export interface VoucherRow {
  hash: string // primary key: base64url SHA-256 of a workload's token
  jkt: string // the key it came with first, and may come with again
  expires_at: number
}

export interface InstanceKeyRow {
  jkt: string // primary key: RFC 7638 thumbprint, base64url
  instance_id: string
  jwk: string // public only; empty for a certificate, whose thumbprint `jkt` is (`x5t:…`), and for a bearer (`bearer:…`)
  state: 'active' | 'due' | 'retiring' | 'revoked' // due: must be replaced before `not_after`
  not_after: number | null // end of the overlap while due or retiring
  created_at: number
}

export interface TokenRow {
  hash: string // primary key: hex SHA-256 of the token
  instance_id: string
  agent_id: string
  task_id: string | null // null: only the control endpoints
  jkt: string
  binding: 'dpop' | 'mtls' | 'bearer'
  expires_at: number
  revoked_at: number | null
  created_at: number
}

export interface ServerRow {
  name: string // primary key
  /** Digest of the launch definition (command and arguments, or address) an operator agreed to run. */
  launch_digest: string
  /** Instructions, serverInfo and capabilities last seen, canonical JSON; empty before the first contact. */
  seen: string
  seen_at: number | null
  created_at: number
}

export interface ToolRow {
  server: string // primary key (server, kind, name)
  kind: 'tool' | 'prompt'
  name: string
  status: 'proposed' | 'approved' | 'quarantined' | 'rejected'
  /** What was last seen, canonical JSON of {definition, instructions} (or {duplicates, instructions}), and its digest. */
  seen: string
  seen_digest: string
  seen_at: number
  /** What was approved, in the form of `seen`; null before the first approval. */
  pinned: string | null
  pinned_digest: string | null
  decided_by: string | null
  decided_at: number | null
  note: string | null
}

export interface TaskRow {
  id: string
  agent_id: string
  instance_id: string
  template: string
  purpose: string
  on_behalf_of: string
  subject: string | null
  state: 'open' | 'paused' | 'closing' | 'closed' // closing: nothing is admitted, a lease is not yet revoked
  end_reason: string | null
  opened_at: number
  expires_at: number
  idle_ms: number
  last_used_at: number
  closed_at: number | null
  vouched: 'sponsor' | 'agent' | 'sign-in' // who says that it is on behalf of `on_behalf_of`
  parent_id: string | null
  lineage: string // `/root/…/self/`: the subtree of a task is a prefix
  txn: string // one for the whole tree
}

export interface GrantRow {
  id: string
  task_id: string
  details: string // GrantDetail[] as canonical JSON
  budget: string // Budget
  spent: string // Spent
  terms: string // GrantTerms: subject arguments, costs, delegates
  delegable: number // how many links may hang below it
  parent_id: string | null
  expires_at: number
}

export interface LockRow {
  id: string
  scope: 'global' | 'agent' | 'instance' | 'task' | 'server' | 'tool'
  target: string // '*' for global; `server/tool` for tools
  why: string
  set_by: string
  set_at: number
  expires_at: number | null
  lifted_by: string | null
  lifted_at: number | null
}

export interface SecretRow {
  name: string // primary key (name, version)
  version: number
  sealed: string // base64 of iv || tag || ciphertext
  created_at: number
  destroyed_at: number | null
  retires_at: number | null // of a version that was replaced: when its grace ends
}

export interface LeaseRow {
  id: string
  task_id: string
  server: string
  broker: string
  state: 'minting' | 'active' | 'revoking' | 'revoked' | 'lapsed' | 'revoke_failed'
  upstream_expires_at: number | null
  reference: string | null // what revoking needs, sealed
  attempts: number
  next_retry_at: number | null
  last_error: string | null
  created_at: number
  closed_at: number | null
}

export interface OperatorRow {
  id: string
  name: string // unique
  roles: string // Role[], JSON
  status: 'active' | 'disabled'
  subject: string | null // `iss|sub` at the organisation's provider; null for a local account
  created_at: number
}

export interface SignInLinkRow {
  code_hash: string // primary key: hex SHA-256
  operator_id: string
  expires_at: number
  used_at: number | null
}

export interface OperatorSessionRow {
  hash: string // primary key: hex SHA-256 of the cookie's value
  operator_id: string
  method: 'link' | 'passkey' | 'oidc'
  expires_at: number
  seen_at: number
}

export interface PasskeyRow {
  credential_id: string // primary key, base64url
  operator_id: string
  public_key: string // COSE, base64url
  counter: number
  created_at: number
  last_used_at: number | null
}

/** What one person asked for and a second one has to confirm. */
export interface ProposalRow {
  id: string
  kind: 'lift-lock' | 'change-officer'
  target: string
  proposed_by: string
  expires_at: number
  decided_by: string | null
  created_at: number
}

export interface SigningKeyRow {
  kid: string // primary key: RFC 7638 thumbprint
  jwk: string // public
  sealed: string // private, PKCS #8, sealed; empty when retired
  state: 'next' | 'current' | 'previous' | 'retired'
  created_at: number
  activated_at: number
  retire_at: number | null
}

export interface OutwardTokenRow {
  idx: number // primary key: place in the status list
  task_id: string
  expires_at: number
  revoked: number
}

export interface SignalInRow {
  id: string // primary key: `transmitter|jti`
  received_at: number
}

export interface SignalOutRow {
  jti: string // primary key
  audience: string
  body: string // claims of the security event token, JSON
  attempts: number
  next_retry_at: number
  created_at: number
}

export interface OauthClientRow {
  client_id: string // primary key; only self-registered clients are here
  metadata: string // JSON
  created_at: number
  used_at: number | null
}

export interface AuthorizationCodeRow {
  code_hash: string // primary key: hex SHA-256
  consent: string // Consent, JSON
  expires_at: number
  used_at: number | null
  task_id: string | null // what came of it
  created_at: number
}

export interface RefreshTokenRow {
  hash: string // primary key: hex SHA-256
  instance_id: string
  task_id: string
  client_id: string
  expires_at: number
  used_at: number | null
  created_at: number
}

/** One row per thing that caches depend on; bumped in the transaction that changes it. */
export interface EpochRow {
  name: string
  epoch: number
}

export interface SubjectRow {
  pseudonym: string // primary key: `sbj_…`, drawn at random
  lookup: string // unique: HMAC of the name, base64url; what a name is found by
  sealed_name: string
  state: 'active' | 'erasing' // erasing: recorded or about to be, and finished at the next start if a crash came between
  held_why: string | null // legal hold: neither erased nor given up by age
  created_at: number
}

export interface BodyKeyRow {
  id: string // primary key
  kek: string // fingerprint of the key that it is sealed under: gateways on one database may have keys of their own
  subject: string // pseudonym; empty for what is about nobody; unique with kek, class and month
  record_class: string
  month: string // `YYYY-MM`, UTC
  sealed: string // 32 bytes, base64, sealed
  created_at: number
}
