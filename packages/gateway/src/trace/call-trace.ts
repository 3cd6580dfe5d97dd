import { hash } from 'node:crypto'
import type { LogTrace } from '../model/evidence.ts'
import { newSpanId, newTraceId } from './ids.ts'
import type { TraceParent } from './w3c.ts'
import { formatTraceparent, parseTraceparent } from './w3c.ts'

/** What came with a request. None of it is believed before it is known whose it is, and then only the trace id. */
export interface Carried {
  /** `params._meta.traceparent` (SEP-414), for protocols that have it. */
  readonly meta?: unknown
  /** The `traceparent` header. */
  readonly header?: unknown
}

/** Whether a trace is recorded: the gateway's own decision, the same for all of a trace, and not to be foreseen by whoever chooses its id. */
export type Sampler = (traceId: string) => boolean

/**
 * The place of one exchange in a trace. Span ids are the gateway's own in any case, so no caller can write under the id of another span; the
 * trace id of the caller is kept for correlation once the caller is known.
 */
export class CallTrace {
  /** Of the span that stands for the agent's request. */
  readonly spanId = newSpanId()
  /** Of the span that stands for the exchange with the upstream. */
  readonly upstreamSpanId = newSpanId()
  /** Monotonic milliseconds at which the request went to the upstream. */
  forwardedAt: number | undefined
  readonly #own: string
  readonly #parent: TraceParent | undefined
  /** The transport's own context where the message has another one. */
  readonly #beside: TraceParent | undefined
  #isKnown = false

  constructor({ meta, header }: Carried, own: string = newTraceId()) {
    const inMessage = parseTraceparent(meta)
    const inHeader = parseTraceparent(header)
    this.#own = own
    this.#parent = inMessage ?? inHeader
    this.#beside = inMessage && inHeader?.spanId !== inMessage.spanId ? inHeader : undefined
  }

  /** An agent proved who it is. */
  authenticated(): void {
    this.#isKnown = true
  }

  get traceId(): string {
    return this.parent?.traceId ?? this.#own
  }

  /** The caller's span, by its own word; undefined for a stranger, whose word is only linked to. */
  get parent(): TraceParent | undefined {
    return this.#isKnown ? this.#parent : undefined
  }

  get links(): readonly TraceParent[] {
    return [this.#isKnown ? undefined : this.#parent, this.#beside].filter((link) => link !== undefined)
  }

  /** What an entry of the log says of it. */
  get logged(): LogTrace {
    return { id: this.traceId, span: this.spanId }
  }

  /** What the upstream is told: the gateway's own span, and whether the gateway records it. */
  outbound(sampler: Sampler | undefined): string {
    const { traceId, upstreamSpanId: spanId } = this
    // Where nothing is recorded here, the caller's wish is passed on, or else it is left to the upstream as if it had been asked directly.
    const isSampled = sampler ? sampler(traceId) : (this.parent?.isSampled ?? true)
    return formatTraceparent({ traceId, spanId, isSampled, isRandom: this.parent?.isRandom ?? true })
  }
}

/** @param share of all traces, 0 to 1 @param key keeps agents from choosing trace ids that are not recorded */
export function sampler(share: number, key: Uint8Array): Sampler {
  if (share >= 1) return () => true
  if (share <= 0) return () => false
  const secret = Buffer.from(key).toString('hex')
  const limit = share * 2 ** 32
  return (traceId) => hash('sha256', secret + traceId, 'buffer').readUInt32BE(0) < limit
}
