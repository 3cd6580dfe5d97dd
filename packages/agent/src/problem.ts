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

/** The gateway cannot be reached. */
export class GatewayUnreachable extends Error {
  override name = 'GatewayUnreachable'
}

/** Reads a JSON answer. @throws GatewayRefusal */
export async function readAnswer<T>(response: { status: number; text(): Promise<string> }): Promise<T> {
  const text = await response.text()
  let body: { reason?: { code?: string; sentence?: string; next?: string } } = {}
  try {
    body = JSON.parse(text) as typeof body
  } catch {
    // Not from the gateway; the status has to do.
  }
  if (response.status < 300) return body as T
  const {
    code = `HTTP_${response.status}`,
    sentence = `The gateway answered with status ${response.status}.`,
    next = '',
  } = body.reason ?? {}
  throw new GatewayRefusal(code, response.status, sentence, next)
}
