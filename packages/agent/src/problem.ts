/** The gateway refused, in its own words: a code, a sentence, and what to do next. */
export class GatewayRefusal extends Error {
  override name = 'GatewayRefusal'
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, sentence: string, next: string) {
    super(`${sentence} ${next}`.trim())
    this.code = code
    this.status = status
  }
}

/** The gateway cannot be reached, or what answers is no gateway. */
export class GatewayUnreachable extends Error {
  override name = 'GatewayUnreachable'
}

export const unreachable = (gateway: string): GatewayUnreachable =>
  new GatewayUnreachable(
    `The gateway at ${gateway} cannot be reached. Start it with \`ostiary up\`, or check the address.`,
  )

export const noGateway = (gateway: string): GatewayUnreachable =>
  new GatewayUnreachable(`What answers at ${gateway} is not an Ostiary gateway. Check the address.`)

/** The refusal in an answer `{reason: {code, sentence, next}}`; a bare status when something in front refused. */
export function refusalIn(body: unknown, status: number): GatewayRefusal {
  const reason = member(body, 'reason')
  return new GatewayRefusal(
    forPeople(member(reason, 'code')) ?? `HTTP_${status}`,
    status,
    forPeople(member(reason, 'sentence')) ?? `The gateway answered with status ${status}.`,
    forPeople(member(reason, 'next')) ?? '',
  )
}

/** A member of what may be an object. */
export const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined

/** Text that goes to a terminal: no control or formatting characters, and not long. */
export const forPeople = (text: unknown): string | undefined =>
  typeof text === 'string' ? text.slice(0, 500).replace(/\p{Cc}|\p{Cf}/gu, ' ') : undefined
