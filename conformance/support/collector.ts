import type { IncomingHttpHeaders, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import protobuf from 'protobufjs'

/** What is read here of opentelemetry-proto 1.x, `trace.proto` and `common.proto`, by its field numbers. */
const PROTO = `
syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Scope { string name = 1; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
  fixed64 start = 7; fixed64 end = 8; repeated KeyValue attributes = 9; repeated Link links = 13; Status status = 15;
}
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string = 1; bool bool = 2; int64 int = 3; double double = 4; ArrayValue array = 5; } }
message ArrayValue { repeated AnyValue values = 1; }
`
const Request = protobuf.parse(PROTO).root.lookupType('Request')

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  /** 2 = server, 3 = client. */
  readonly kind: number
  /** 2 = error. */
  readonly status: number
  /** Nanoseconds. */
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly resource: Readonly<Record<string, unknown>>
  readonly schemas: readonly string[]
}

/** A collector as OTLP over HTTP describes one, decoding by the published field numbers and not by the exporter's own code. */
export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  readonly headers: IncomingHttpHeaders[] = []
  /** Raw bodies, for finding what must not be there. */
  readonly bodies: Buffer[] = []
  #wake = Promise.withResolvers<void>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer(async (req, res) => {
      const body = Buffer.concat(await req.toArray())
      this.headers.push(req.headers)
      this.bodies.push(body)
      this.spans.push(...decodeSpans(body))
      res.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      this.#wake.resolve()
      this.#wake = Promise.withResolvers()
    })
  }

  static async start(): Promise<Collector> {
    const collector = new Collector()
    await new Promise<void>((ready) => collector.#server.listen(0, '127.0.0.1', ready))
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/traces`
  }

  /** Waits until spans that fit have come. */
  async received(fits: (span: CollectedSpan) => boolean, atLeast = 1): Promise<readonly CollectedSpan[]> {
    for (;;) {
      const found = this.spans.filter(fits)
      if (found.length >= atLeast) return found
      await this.#wake.promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }
}

// biome-ignore lint/suspicious/noExplicitAny: decoded by a schema that is text
type Decoded = any

export function decodeSpans(body: Buffer): CollectedSpan[] {
  const request = Request.toObject(Request.decode(body), {
    longs: String,
    bytes: String,
    arrays: true,
  }) as Decoded
  return request.resourceSpans.flatMap((of: Decoded) =>
    of.scopeSpans.flatMap((scope: Decoded) =>
      scope.spans.map((span: Decoded) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId ?? ''),
        name: span.name,
        kind: span.kind,
        status: span.status?.code ?? 0,
        start: BigInt(span.start),
        end: BigInt(span.end),
        attributes: record(span.attributes),
        links: span.links.map((link: Decoded) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
        resource: record(of.resource.attributes),
        schemas: [of.schemaUrl, scope.schemaUrl].filter(Boolean),
      })),
    ),
  )
}

const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

const record = (list: readonly Decoded[]): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)]))

function plainValue(value: Decoded): unknown {
  if ('array' in value) return value.array.values.map(plainValue)
  if ('int' in value) return Number(value.int)
  return value.string ?? value.bool ?? value.double
}
