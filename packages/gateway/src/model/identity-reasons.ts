/** The part of the catalogue of reasons that says who may come in: agents by their proofs, people by their sign-in. */
export const IDENTITY_REASONS = {
  // authenticate
  TOKEN_MISSING: [
    401,
    'The request carries no access token.',
    'Enrol the instance and open a task, or run the client through `ostiary connect`.',
  ],
  TOKEN_INVALID: [401, 'The access token is not one that is in force.', 'Ask for a new token.'],
  TOKEN_EXPIRED: [401, 'The access token has expired.', 'Ask for a new token for the task.'],
  PROOF_MISSING: [
    401,
    'The request carries no DPoP proof.',
    'Send a `DPoP` header signed by the instance key.',
  ],
  PROOF_INVALID: [
    401,
    'The DPoP proof is invalid: {detail}.',
    'Sign a correct proof with the instance key (RFC 9449).',
  ],
  PROOF_STALE: [
    401,
    'The DPoP proof is {seconds} seconds away from this gateway’s clock.',
    'Set the clock of the machine, then sign a new proof.',
  ],
  PROOF_TARGET_MISMATCH: [
    401,
    'The DPoP proof is for another method or address.',
    'Sign a proof for this request.',
  ],
  PROOF_CONTENT_MISMATCH: [
    401,
    'The DPoP proof is not for this request body.',
    'Sign a proof that carries `content_digest` of the body.',
  ],
  PROOF_KEY_MISMATCH: [
    401,
    'The DPoP proof was signed by another key than the token is bound to.',
    'Sign with the key of the instance the token was issued to.',
  ],
  PROOF_REPLAYED: [401, 'The DPoP proof was used before.', 'Sign a new proof for each request.'],
  AGENT_SUSPENDED: [
    403,
    'The agent {agent} is suspended.',
    'Its sponsor can have it resumed: `ostiary agent resume {agent}`.',
  ],
  AGENT_REVOKED: [403, 'The agent {agent} is revoked.', 'Ask an operator to add a new agent.'],
  AGENT_SPONSOR_LEFT: [
    403,
    '{sponsor}, who answered for the agent {agent}, has left, so it may start nothing new.',
    'Name another person: `ostiary agent sponsor {agent} <person>`.',
  ],
  AGENT_REVIEW_OVERDUE: [
    403,
    'The review of the agent {agent} is overdue, so it may start nothing new.',
    'Look at what it may do and did, then: `ostiary agent review {agent}`.',
  ],
  INSTANCE_CONFINED: [
    403,
    'This instance exists for one task and may open no other.',
    'What it needs more has to come from whoever handed it the task, or from the person who signed in.',
  ],
  BEARER_REFUSED: [
    401,
    'The agent {agent} may not hold a token that is bound to no key.',
    'Send a `DPoP` proof; for a client that cannot: `ostiary agent bearer {agent} allow`.',
  ],
  BEARER_CONFINED: [
    403,
    'A token that is bound to no key is good for its own task and nothing beside it.',
    'Use a client that proves a key by DPoP or mTLS.',
  ],
  FEDERATION_UNTRUSTED: [
    401,
    'Nobody that this gateway trusts vouches for this workload.',
    'Have an operator add its issuer or authority under `trust` in ostiary.yaml.',
  ],
  FEDERATION_INVALID: [
    401,
    'The workload’s token is not accepted: {detail}.',
    'Get a new one for this gateway.',
  ],
  FEDERATION_NO_RULE: [
    403,
    '{trust} vouches for this workload, but no rule makes it an agent.',
    'Add one under `trust.{trust}.agents` in ostiary.yaml.',
  ],
  FEDERATION_AMBIGUOUS: [
    403,
    'The rules of {trust} make this workload two agents, {one} and {other}.',
    'Make the rules under `trust.{trust}.agents` exclude each other.',
  ],
  FEDERATION_KEYS_UNAVAILABLE: [
    503,
    'The keys of {trust} cannot be read.',
    'Try again; if it lasts, have an operator check its address.',
  ],
  CLIENT_UNKNOWN: [
    400,
    'This client is not known here.',
    'Have an operator list its `client_id` under `interactive.clients` in ostiary.yaml.',
  ],
  CLIENT_INVALID: [
    400,
    'The client’s metadata cannot be accepted: {detail}.',
    'Have its author mend the document.',
  ],
  CLIENT_UNAVAILABLE: [
    503,
    'The client’s metadata document cannot be read: {detail}.',
    'Try again; if it lasts, check the address in `interactive.clients`.',
  ],
  REDIRECT_REFUSED: [
    400,
    'The redirect address is not one of the client’s.',
    'Use one that is in its metadata, exactly.',
  ],
  CONSENT_INVALID: [
    400,
    'This answer does not belong to a question that was asked here.',
    'Start again in the program that wants access.',
  ],
  CODE_INVALID: [
    400,
    'The authorization code or refresh token is unknown, used, expired or not this client’s.',
    'Sign in again in the program that wants access.',
  ],
  CERTIFICATE_MISSING: [
    401,
    'The token is bound to a client certificate, and the connection has none.',
    'Connect with the certificate the token was issued to.',
  ],
  CERTIFICATE_MISMATCH: [
    401,
    'The token is bound to another client certificate than the one of this connection.',
    'Ask for a new token over this connection.',
  ],
  INSTANCE_REVOKED: [
    401,
    'This instance is revoked.',
    'Enrol again with a new one-time code: `ostiary agent enrol <agent>`.',
  ],
  AGENT_UNKNOWN: [404, 'There is no agent {agent}.', 'List them with `ostiary agent list`.'],
  AGENT_EXISTS: [409, 'There is an agent {agent} already.', 'Choose another name.'],
  INSTANCE_UNKNOWN: [404, 'There is no instance {instance}.', 'List them with `ostiary agent show <agent>`.'],
  KEY_IN_USE: [409, 'This key belongs to an instance already.', 'Make a new key for each instance.'],
  ENROLMENT_CODE_INVALID: [
    400,
    'The enrolment code is unknown, used or expired.',
    'Ask an operator for a new one: `ostiary agent enrol <agent>`.',
  ],
  GRANT_TYPE_UNSUPPORTED: [400, 'This grant type is not supported.', 'Use one of: {supported}.'],
  ASSERTION_INVALID: [
    401,
    'The client assertion is invalid: {detail}.',
    'Sign a correct assertion with the instance key (RFC 7523).',
  ],
  ASSERTION_REPLAYED: [
    401,
    'The client assertion was used before.',
    'Sign a new assertion for each request.',
  ],
  RESOURCE_UNKNOWN: [
    400,
    'The `resource` asked for is not part of this gateway.',
    'Leave `resource` out, or name an address of this gateway.',
  ],
  TOO_MANY: [429, 'There are too many {what}.', 'Wait {seconds} seconds, then try again.'],
  // people
  SIGN_IN_REQUIRED: [401, 'Nobody is signed in.', 'Sign in at /operators/sign-in.'],
  SIGN_IN_REFUSED: [
    403,
    'The sign-in is refused: {detail}.',
    'Ask an operator for a link: `ostiary operator link <name>`.',
  ],
  CROSS_SITE_REFUSED: [
    403,
    'This request does not come from a page of this gateway.',
    'Use the gateway’s own pages.',
  ],
  OPERATOR_UNKNOWN: [404, 'There is no operator {operator}.', 'List them with `ostiary operator list`.'],
  OPERATOR_EXISTS: [409, 'There is an operator {operator} already.', 'Choose another name.'],
  OPERATOR_DISABLED: [409, 'The operator {operator} is disabled.', 'Add a new operator.'],
  ROLE_MISSING: [403, '{operator} may not do this: it takes the role {roles}.', 'Ask somebody who has it.'],
  SECOND_PERSON_NEEDED: [
    403,
    '{operator} has asked for this already, and it takes two.',
    'Another security officer has to confirm it.',
  ],
  SIGNED_IN_PERSON_NEEDED: [
    403,
    'This takes two security officers who have signed in, and the local socket is nobody in particular.',
    'Sign in at /operators/sign-in; who cannot may be disabled: `ostiary operator disable <name>`.',
  ],
  SIGN_IN_BY_PROVIDER: [
    403,
    '{operator} signs in through the organisation’s provider and in no other way.',
    'Sign in there: it decides which roles the account has now.',
  ],
} as const
