/** A message on a stream, as far as tests look into it. */
interface StreamMessage {
  readonly method?: string
  readonly params?: { readonly _meta?: Readonly<Record<string, unknown>> }
}

/** The messages of an event stream, as they come. Ending the iteration closes the stream. */
export async function* messagesOf(response: Response): AsyncGenerator<StreamMessage, void, void> {
  let rest = ''
  const text = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new TextDecoderStream())
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice(6)) as StreamMessage
  }
}
