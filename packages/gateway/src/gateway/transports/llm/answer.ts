import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Handling } from '../../../firewall/handling.ts'
import type { Scanner } from '../../../firewall/scanner.ts'
import { mapStrings } from '../../../lib/json-splice.ts'
import { parseReceived } from '../../../lib/strict-json.ts'
import type { Reason } from '../../../model/reasons.ts'
import { nextStep, reason, sentence } from '../../../model/reasons.ts'
import { Refusal } from '../../../model/refusal.ts'
import { Stopped } from '../../in-flight.ts'
import type { Outcome } from '../mcp/answer.ts'
import type { Codec } from './codec.ts'
import { denial } from './denial.ts'
import { returnedHeaders } from './headers.ts'
import type { Hooks } from './judge.ts'
import { AnswerStopped } from './judge.ts'
import type { Provider } from './providers.ts'
import { failureOf } from './providers.ts'
import { filterAnswer, streamFilter } from './stream.ts'

export interface AnswerOptions {
  readonly res: ServerResponse
  readonly codec: Codec
  readonly hooks: Hooks
  readonly scanner: Scanner
  /** What the operator wants done with what is found; here it only blocks. */
  readonly handling: Handling | undefined
  readonly provider: Provider
  /** Bytes. */
  readonly limit: number
  /** Aborts when the client goes away or the call is stopped. */
  readonly signal: AbortSignal
  /** Headers of the gateway's own. */
  readonly headers: Readonly<Record<string, string>>
}

/** Stage 16: what of a provider's answer the agent gets. */
export class Answer {
  readonly #o: AnswerOptions
  #bytes = 0
  #isAnswering = false

  constructor(options: AnswerOptions) {
    this.#o = options
  }

  /** @returns how it ended. Never rejects for what the provider, the client or a lock did. */
  async deliver(ask: () => Promise<Dispatcher.ResponseData>): Promise<Outcome> {
    let response: Dispatcher.ResponseData | undefined
    try {
      response = await ask()
      this.#isAnswering = true
      // It reports its own destruction, also when nobody reads it any more.
      response.body.on('error', () => {})
      return await this.#received(response)
    } catch (error) {
      return this.#broken(error)
    } finally {
      // A body that is not read to its end would keep its connection.
      response?.body.destroy()
    }
  }

  #received(response: Dispatcher.ResponseData): Promise<Outcome> {
    const { statusCode, headers } = response
    const type = mediaType(headers['content-type'])
    if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
      return this.#refuse(this.#protocol('its answer is compressed, though it was asked not to'))
    if (statusCode === 401 || statusCode === 403)
      return this.#refuse(reason('MODEL_CREDENTIAL_REFUSED', { model: this.#o.provider.name }))
    if (statusCode >= 400) return this.#failed(response, type)
    if (statusCode !== 200) return this.#refuse(this.#protocol('it answered with a redirect, or nothing'))
    if (type === 'text/event-stream') return this.#stream(response)
    if (type === 'application/json') return this.#whole(response)
    return this.#refuse(this.#protocol('its answer is neither JSON nor a stream of events'))
  }

  async #whole(response: Dispatcher.ResponseData): Promise<Outcome> {
    const text = await this.#read(response)
    const filtered = await filterAnswer(this.#o.codec, text, this.#o.hooks)
    await this.#send(response, 'application/json', filtered)
    return { result: 'ok', code: undefined, bytes: this.#bytes }
  }

  async #stream(response: Dispatcher.ResponseData): Promise<Outcome> {
    const { codec, hooks, res, limit } = this.#o
    const filter = streamFilter(codec, hooks)
    this.#head(response, 'text/event-stream')
    res.flushHeaders()
    let received = 0
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      received += chunk.length
      if (received > limit) throw new AnswerStopped('too-large', 'its answer is too large')
      await this.#write(await filter.push(chunk))
      if (filter.stopped) break
    }
    if (!filter.stopped) await this.#write(await filter.end())
    res.end()
    const { stopped } = filter
    return stopped
      ? { result: 'refused', code: this.#reasonOf(stopped).code, bytes: this.#bytes }
      : { result: 'ok', code: undefined, bytes: this.#bytes }
  }

  /** What the provider says went wrong is content like any other. */
  async #failed(response: Dispatcher.ResponseData, type: string): Promise<Outcome> {
    const { statusCode } = response
    const text = type === 'application/json' ? await this.#read(response) : ''
    const said = plainError(text, this.#o)
    if (said === undefined) return this.#refuse(this.#protocol(`it answered with the status ${statusCode}`))
    await this.#send(response, 'application/json', said)
    return { result: 'error', code: undefined, bytes: this.#bytes }
  }

  /** @throws AnswerStopped when it is longer than the limit */
  async #read({ body }: Dispatcher.ResponseData): Promise<string> {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      size += chunk.length
      if (size > this.#o.limit) throw new AnswerStopped('too-large', 'its answer is too large')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  #head({ statusCode, headers }: Dispatcher.ResponseData, type: string): void {
    this.#o.res.writeHead(statusCode, {
      ...returnedHeaders(headers, this.#o),
      ...this.#o.headers,
      'content-type': type,
      'cache-control': 'no-store',
    })
  }

  async #send(response: Dispatcher.ResponseData, type: string, text: string): Promise<void> {
    this.#head(response, type)
    await this.#write(text)
    this.#o.res.end()
  }

  /** A client that does not read holds back its provider. */
  async #write(text: string): Promise<void> {
    if (text === '') return
    this.#bytes += Buffer.byteLength(text)
    if (!this.#o.res.write(text)) await once(this.#o.res, 'drain', { signal: this.#o.signal })
  }

  #broken(error: unknown): Promise<Outcome> {
    const { signal, provider } = this.#o
    if (signal.aborted) {
      if (signal.reason instanceof Stopped) return this.#refuse(signal.reason.reason, 'stopped')
      return Promise.resolve({ result: 'gone', code: undefined, bytes: this.#bytes })
    }
    if (error instanceof AnswerStopped) return this.#refuse(this.#reasonOf(error), 'refused')
    if (error instanceof Refusal) return this.#refuse(error.reason)
    if (!isOfConnection(error)) throw error
    return this.#refuse(failureOf(error, provider, this.#isAnswering))
  }

  /** An error in the provider's own shape, in the stream where one has begun. */
  async #refuse(why: Reason, result: Outcome['result'] = 'failed'): Promise<Outcome> {
    const { res, codec, headers } = this.#o
    if (res.headersSent) {
      res.end(`${codec.errorEvent(why.code, `${sentence(why)} ${nextStep(why)}`)}\n\n`)
    } else {
      const answer = denial(codec.api, why, undefined)
      res.writeHead(answer.status, { 'cache-control': 'no-store', ...headers, ...answer.headers })
      res.end(answer.body)
    }
    return { result, code: why.code, bytes: this.#bytes }
  }

  #reasonOf(stopped: AnswerStopped): Reason {
    return stopped.reason ?? this.#protocol(stopped.message)
  }

  #protocol(detail: string): Reason {
    return reason('UPSTREAM_PROTOCOL', { server: this.#o.provider.name, detail })
  }
}

const mediaType = (value: string | string[] | undefined): string =>
  String(value ?? '')
    .split(';', 1)[0]
    ?.trim()
    .toLowerCase() ?? ''

/** Errors of sockets and of the HTTP client have a code; a bug has none. */
const isOfConnection = (error: unknown): boolean =>
  error instanceof Error && /^(?!ERR_INVALID)[A-Z]/.test(String((error as NodeJS.ErrnoException).code ?? ''))

/** Undefined when it must not be shown, or is none that an SDK could read. */
function plainError(
  text: string,
  { scanner, handling }: Pick<AnswerOptions, 'scanner' | 'handling'>,
): string | undefined {
  try {
    const { decision, clean } = scanner.scan(parseReceived(text), 'in', { handling })
    if (decision.verdict.kind === 'deny') return undefined
    return clean ? mapStrings(text, clean) : text
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
