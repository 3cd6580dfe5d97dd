import { Agent, request } from 'undici'
import { privatePath } from '../lib/private-socket.ts'
import { CommandFailed, EXIT } from './exit.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Talks to a running gateway over its private socket. @throws CommandFailed with the gateway's own words */
export class ControlClient {
  readonly #dataDir: string
  readonly #agent: Agent

  constructor(dataDir: string) {
    this.#dataDir = dataDir
    this.#agent = new Agent({
      connect: { socketPath: privatePath(dataDir, 'control') },
      headersTimeout: 120_000,
    })
  }

  async call<T>(method: Method, path: string, body?: object): Promise<T> {
    const text = await this.text(method, path, body)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  async text(method: Method, path: string, body?: object): Promise<string> {
    const response = await request(`http://ostiary${path}`, {
      method,
      dispatcher: this.#agent,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }).catch((error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EACCES'
          ? 'you may not open its socket; it belongs to another account'
          : 'it is not running'
      throw new CommandFailed(
        `The gateway on ${this.#dataDir} cannot be reached: ${why}. Start it with \`ostiary up\`.`,
        EXIT.unreachable,
      )
    })
    const text = await response.body.text()
    await this.#agent.close().catch(() => {})
    if (response.statusCode < 300) return text
    throw refusal(text, response.statusCode)
  }

  async running(): Promise<boolean> {
    try {
      await this.text('GET', '/status')
      return true
    } catch (error) {
      if (error instanceof CommandFailed && error.exit === EXIT.unreachable) return false
      throw error
    }
  }
}

function refusal(text: string, status: number): CommandFailed {
  const { reason } = JSON.parse(text) as { reason?: { code: string; sentence: string; next: string } }
  if (!reason) return new CommandFailed(`The gateway answered with status ${status}.`)
  return new CommandFailed(
    `${reason.sentence} ${reason.next} [${reason.code}]`,
    status === 403 ? EXIT.denied : EXIT.failed,
  )
}
