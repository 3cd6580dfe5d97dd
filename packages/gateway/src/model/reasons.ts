import { AUDIT_REASONS } from './audit-reasons.ts'
import { IDENTITY_REASONS } from './identity-reasons.ts'
import { MODEL_REASONS } from './model-reasons.ts'

/**
 * The closed catalogue of reasons. One row per code: HTTP status where the transport needs one, the sentence a person reads,
 * and the next step. `docs/reference/reasons.md` is generated from it.
 * `{name}` placeholders are filled from a reason's details, which never hold argument values or secrets.
 */
export const REASONS = {
  // receive
  REQUEST_TOO_LARGE: [
    413,
    'The request body is larger than {limit} bytes.',
    'Send less, or raise `limits.body` in ostiary.yaml.',
  ],
  REQUEST_TIMEOUT: [
    408,
    'The request body did not arrive within {seconds} seconds.',
    'Send it again over a faster connection.',
  ],
  REQUEST_MALFORMED: [
    400,
    'The request is malformed: {detail}.',
    'Correct the request; nothing was forwarded.',
  ],
  CONTENT_TYPE_REFUSED: [
    415,
    'The content type must be application/json.',
    'Send JSON with `Content-Type: application/json`.',
  ],
  JSON_INVALID: [400, 'The body is not valid JSON: {detail}.', 'Correct the body.'],
  JSON_NOT_UTF8: [400, 'The body is not valid UTF-8.', 'Encode the body as UTF-8.'],
  JSON_DUPLICATE_KEY: [
    400,
    'An object in the body holds the same key twice.',
    'Send each key once: readers disagree about which one counts.',
  ],
  JSON_FORBIDDEN_KEY: [400, 'The body holds the key `{key}`, which is not allowed.', 'Rename the key.'],
  JSON_TOO_DEEP: [400, 'The body is nested deeper than {limit} levels.', 'Flatten it.'],
  JSON_UNSAFE_NUMBER: [
    400,
    'The body holds an integer beyond 2^53, which readers round differently.',
    'Send it as a string.',
  ],
  BATCH_REFUSED: [
    400,
    'JSON-RPC batches are refused, so that each message is decided on its own.',
    'Send the messages one by one.',
  ],
  MESSAGE_INVALID: [400, 'The body is not a JSON-RPC 2.0 message: {detail}.', 'Correct the message.'],
  PARAMS_INVALID: [400, 'The parameters are invalid: {detail}.', 'Correct the request.'],
  HEADER_MISMATCH: [
    400,
    'The header {header} does not match `{member}` of the body.',
    'Send the header that the body calls for.',
  ],
  PROTOCOL_VERSION_UNSUPPORTED: [
    400,
    'The protocol version `{version}` is not supported.',
    'Use one of: {supported}.',
  ],
  METHOD_UNKNOWN: [
    404,
    'The method `{method}` is not one that Ostiary forwards.',
    'Use a method of the MCP specification.',
  ],
  HTTP_METHOD_REFUSED: [405, 'This endpoint does not answer {method}.', 'Use POST.'],
  ORIGIN_REFUSED: [
    403,
    'Requests from the web origin `{origin}` are refused.',
    'Add the origin to `listen.origins` in ostiary.yaml if a web page may call.',
  ],
  HOST_REFUSED: [
    403,
    'The Host header `{host}` is not a name of this gateway.',
    'Use the address that `ostiary up` printed, or add the name to `listen.hosts`.',
  ],
  SESSION_UNKNOWN: [404, 'The MCP session is unknown or has ended.', 'Initialise a new session.'],
  PATH_UNKNOWN: [
    404,
    'There is nothing at this address.',
    'MCP servers are at /mcp/{server}, all of them at /mcp, models at /llm/{provider}.',
  ],
  ...AUDIT_REASONS,
  ...IDENTITY_REASONS,
  // locks
  LOCKED: [
    403,
    'Stopped by a lock on {scope} ({why}).',
    'Whoever set it can lift it: `ostiary lock lift {lock}`.',
  ],
  LOCKS_STALE: [
    503,
    'It cannot be confirmed which locks and revocations are in force.',
    'Try again in a second; if it lasts, have an operator check the database.',
  ],
  // task
  TASK_REQUIRED: [
    403,
    'No task is open, and without a task there is no access.',
    'Open one from a template: `ostiary task open <template>`.',
  ],
  TASK_CLOSED: [403, 'The task has ended ({end}).', 'Open a new task.'],
  TASK_PAUSED: [403, 'The task is paused.', 'An operator can let it go on: `ostiary task resume <task>`.'],
  DELEGATION_INVALID: [
    400,
    'The delegation is invalid: {detail}.',
    'Have the delegating agent sign a correct one.',
  ],
  DELEGATION_NOT_ALLOWED: [
    403,
    'A task of the template {template} may not be handed to the agent {agent}.',
    'Add the agent under `tasks.{template}.delegate.to` in ostiary.yaml.',
  ],
  DELEGATION_TOO_DEEP: [
    403,
    'This task may not be handed on any further.',
    'Raise `tasks.{template}.delegate.depth` in ostiary.yaml.',
  ],
  DELEGATION_WIDER: [
    403,
    'A sub-agent cannot get more than the task that hands it on: {detail}.',
    'Ask for a part of it.',
  ],
  STEP_UP_NOT_ALLOWED: [
    403,
    'A task of the template {template} cannot get the rights of `{wanted}`.',
    'Add it under `tasks.{template}.step_up` in ostiary.yaml, or open another task.',
  ],
  TASK_EXPIRED: [403, 'The task has reached its deadline.', 'Open a new task.'],
  TASK_IDLE: [403, 'The task was idle for too long and has ended.', 'Open a new task.'],
  TASK_UNKNOWN: [404, 'There is no task {task}.', 'List them with `ostiary task list`.'],
  TASK_TEMPLATE_UNKNOWN: [
    403,
    'There is no task template `{template}` for the agent {agent}.',
    'Add it under `tasks` in ostiary.yaml, or choose one of: {known}.',
  ],
  TASK_INPUT_INVALID: [400, 'The task cannot be opened: {detail}.', 'Correct the request for the task.'],
  // segment
  SEGMENT_NO_ROUTE: [
    403,
    'There is no route from segment {from} to segment {to}.',
    'Add one under `routes` in ostiary.yaml if the two may talk.',
  ],
  SEGMENT_UNPLACED: [403, '{what} is in no segment.', 'Place it under `segments` in ostiary.yaml.'],
  // tool
  SERVER_UNKNOWN: [
    404,
    'There is no server `{server}` in the registry.',
    'Register it under `servers` in ostiary.yaml or with `ostiary import`.',
  ],
  TOOL_UNKNOWN: [
    403,
    '{tool} is not in the registry.',
    'List the server’s tools so that it is proposed, then vet it: `ostiary tool show {tool}`.',
  ],
  TOOL_UNVETTED: [
    403,
    '{tool} has not been approved yet.',
    'Vet it: `ostiary tool show {tool}`, then `ostiary tool approve {tool}`.',
  ],
  TOOL_REJECTED: [403, '{tool} was rejected.', 'See why: `ostiary tool show {tool}`.'],
  TOOL_QUARANTINED: [
    403,
    '{tool} has changed since it was approved and is in quarantine.',
    'See what changed: `ostiary tool diff {tool}`, then approve or reject it.',
  ],
  TOOL_NEEDS_DESPITE: [
    409,
    '{tool} needs a second look: {detail}.',
    'Read it with `ostiary tool show {tool}`; if you still want it, approve it with `--accept-findings {codes}`.',
  ],
  TOOL_UNUSABLE: [
    409,
    '{tool} cannot be approved: {detail}.',
    'Have the server’s author mend the definition.',
  ],
  TOOL_ARGUMENTS_INVALID: [
    400,
    'The arguments of {tool} do not match its pinned schema: {detail}.',
    'Correct the arguments.',
  ],
  TOOL_CHANGED: [
    409,
    '{tool} has changed since you looked at it.',
    'Look again: `ostiary tool show {tool}`.',
  ],
  TOOL_UNVERIFIED: [
    503,
    'The definition of {tool} could not be verified with its server: {detail}.',
    'Check the server with `ostiary doctor`, then try again.',
  ],
  // grant
  GRANT_MISSING: [403, 'The task’s grant does not cover {action}.', 'Open a task whose template lists it.'],
  GRANT_CONSTRAINT: [
    403,
    'The grant does not allow this value of `{argument}` for {action}: it must {rule}.',
    'Use an allowed value, or open a task whose template allows it.',
  ],
  // policy
  POLICY_FORBIDDEN: [
    403,
    'A policy forbids this: {policies}.',
    'See why: `ostiary policy explain {action}`.',
  ],
  POLICY_NOT_PERMITTED: [
    403,
    'No policy permits this.',
    'See what would allow it: `ostiary policy explain {action}`.',
  ],
  POLICY_ERROR: [
    403,
    'The policies could not be evaluated, so the call is refused: {detail}.',
    'Have an operator run `ostiary doctor`.',
  ],
  POLICY_DRAFT_INVALID: [
    400,
    'The draft policies cannot be used: {problems}.',
    'Correct them; nothing was changed.',
  ],
  // budget
  BUDGET_SPENT: [
    429,
    'The task’s budget of {limit} {dimension} is spent.',
    'Open a new task, or raise the template’s budget.',
  ],
  TOO_MANY_OPEN: [429, 'This instance has {limit} calls open already.', 'Wait for some of them to end.'],
  RATE_LIMITED: [
    429,
    'This instance is sending more than {limit} calls a second.',
    'Slow down and try again after {seconds} s.',
  ],
  // inspect
  CONTENT_HIDDEN: [403, 'The content hides text from people ({what}).', 'Remove the invisible characters.'],
  CONTENT_SECRET: [
    403,
    'The content holds a sealed secret of this gateway ({secret}).',
    'Remove it; rotate the secret if it has left the gateway.',
  ],
  CONTENT_BLOCKED: [
    403,
    'A rule of the operator does not let this content through: {detector} found {what}.',
    'Do without it, or have an operator change `firewall.rules` in ostiary.yaml.',
  ],
  CONTENT_UNRECORDED: [
    503,
    'A rule takes something out of this answer, which could not be recorded, so it is not delivered.',
    'The call was made: check before you repeat it. Have an operator run `ostiary doctor`; the disk may be full.',
  ],
  // flow
  FLOW_HELD: [
    403,
    'The call of {tool} waits for a person: in {argument}, {detail}{more}.',
    'Ask a person to look at it with `ostiary flow explain {call}` and, if it is meant, to run `ostiary flow endorse {call}`; then call again.',
  ],
  HOLD_UNKNOWN: [
    404,
    'No call {call} waits for a person.',
    'List what waits: `ostiary flow holds`. A hold ends with its task, and with the gateway.',
  ],
  CALL_UNKNOWN: [
    404,
    'There is no record of a call {call}.',
    'Take the call’s id (cal_…) from its denial or from `ostiary audit tail`.',
  ],
  REQUEST_UNVERIFIED: [
    400,
    'The signed request cannot be accepted: {detail}.',
    'Have the system that signs it sign a new one for this task.',
  ],
  REQUEST_TO_CLIENT_REFUSED: [
    403,
    'The server {server} may not send `{method}` to its client.',
    'Allow it under `servers.{server}.may_ask` in ostiary.yaml.',
  ],
  ...MODEL_REASONS,
  // record
  AUDIT_UNAVAILABLE: [
    503,
    'The call could not be recorded, so it was not made.',
    'Have an operator run `ostiary doctor`; the disk may be full.',
  ],
  STORE_UNAVAILABLE: [
    503,
    'The database of the gateway cannot be reached.',
    'Check that it runs, then try again.',
  ],
  OVERLOADED: [503, 'Too many calls are waiting to be recorded.', 'Try again in a second.'],
  // credential
  SECRET_NO_PREVIOUS: [
    409,
    'The secret `{secret}` has no earlier version to go back to: there was none, or its grace is over.',
    'Put the value again: `ostiary secret put {secret}`.',
  ],
  SECRET_UNKNOWN: [503, 'There is no sealed secret `{secret}`.', 'Seal it: `ostiary secret put {secret}`.'],
  CREDENTIAL_UNAVAILABLE: [
    503,
    'The credential for {server} is not available: {detail}.',
    'Have an operator check what ostiary.yaml says of {server}.',
  ],
  // forward
  UPSTREAM_UNREACHABLE: [
    502,
    'The server {server} cannot be reached: {detail}.',
    'Check that it runs: `ostiary doctor`.',
  ],
  UPSTREAM_TIMEOUT: [
    504,
    'The server {server} did not answer within {seconds} seconds.',
    'Whether the call took effect is unknown; check before repeating it.',
  ],
  UPSTREAM_PROTOCOL: [
    502,
    'The server {server} broke the protocol: {detail}.',
    'Whether the call took effect is unknown; check before repeating it.',
  ],
  SHUTTING_DOWN: [503, 'The gateway is starting or stopping.', 'Try again in a moment.'],
  CANCELLED: [
    499,
    'The client went away before the answer.',
    'Send the request again if the answer is still wanted.',
  ],
  INTERNAL: [
    500,
    'Ostiary failed to decide, so the call was refused.',
    'Report it with the log index of this denial.',
  ],
} as const satisfies Record<string, readonly [status: number, sentence: string, next: string]>

export type ReasonCode = keyof typeof REASONS

/** Why something was decided. `details` fill the sentence; values are names, limits and counts, never argument values. */
export interface Reason {
  readonly code: ReasonCode
  readonly details: Readonly<Record<string, string | number>>
}

export function reason(code: ReasonCode, details: Reason['details'] = {}): Reason {
  return { code, details }
}

const fill = (text: string, details: Reason['details']): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => (key in details ? String(details[key]) : whole))

export const status = (r: Reason): number => REASONS[r.code][0]
export const sentence = (r: Reason): string => fill(REASONS[r.code][1], r.details)
export const nextStep = (r: Reason): string => fill(REASONS[r.code][2], r.details)
