import type { PersonsRequest } from '../flow/tasks.ts'
import type { LogActor, LogEvent } from '../model/evidence.ts'
import type { JsonObject } from '../model/json.ts'
import type { Principal } from '../model/principal.ts'
import { refuse } from '../model/refusal.ts'
import type { Task, Vouched } from '../model/task.ts'

/** Characters of a person's request that are kept. */
const MAX_KEPT_REQUEST = 10_000

/** Who opens a task: verified, never taken from the request. */
export type Opener = Pick<Principal, 'agent' | 'agentName' | 'instance' | 'sponsor'> &
  Partial<Pick<Principal, 'binding'>>

export interface OpenInput {
  readonly template: string
  readonly purpose?: string | undefined
  readonly subject?: string | undefined
  readonly on_behalf_of?: string | undefined
  /** What the person asked for, in their words, for flow control. */
  readonly request?: PersonsRequest | undefined
}

/** The person the task is for, and who says so. A person who signed in is never replaced by what an agent claims. */
export function personOf(
  opener: Opener,
  input: OpenInput,
  signedIn: string | undefined,
): { onBehalfOf: string; vouched: Vouched } {
  if (signedIn !== undefined) return { onBehalfOf: line(signedIn, 'on_behalf_of'), vouched: 'sign-in' }
  if (input.on_behalf_of !== undefined)
    return { onBehalfOf: line(input.on_behalf_of, 'on_behalf_of'), vouched: 'agent' }
  return { onBehalfOf: opener.sponsor, vouched: 'sponsor' }
}

/** One line that reads as it is written: no control characters, line separators or marks that turn the direction of text. */
export function line(value: string, name: string): string {
  const odd = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
  if (value.length === 0 || value.length > 200 || odd.test(value) || !value.isWellFormed()) {
    refuse('TASK_INPUT_INVALID', { detail: `\`${name}\` must be one line of 1 to 200 characters` })
  }
  return value
}

/** As the log has it. */
export const actorOf = ({
  agent,
  instance,
  binding = 'dpop',
}: Pick<Opener, 'agent' | 'instance' | 'binding'>): LogActor => ({
  kind: 'agent',
  agent,
  instance,
  ...(binding === 'dpop' ? {} : { binding }),
})

/** What of a task's opening may tell of a person: its subject, a purpose in an agent's words, and what a person asked for. */
export function keptOpening(
  { subject }: Pick<Task, 'subject'>,
  { purpose, request }: Pick<OpenInput, 'purpose' | 'request'>,
): Pick<LogEvent, 'about' | 'content'> {
  const content: JsonObject = {
    ...(subject === undefined ? {} : { subject }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(request === undefined ? {} : { request: request.text.slice(0, MAX_KEPT_REQUEST) }),
  }
  return {
    ...(subject === undefined ? {} : { about: [subject] }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  }
}

/** Who says what the person asked for. The words are not in the log. */
export const requestRecord = ({ signedBy, proof }: PersonsRequest) => ({
  request: signedBy === undefined ? 'claimed' : `signed by ${signedBy}`,
  ...(proof === undefined ? {} : { proof }),
})
