import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { s3Store } from './s3.ts'
import { MirrorContradicts, MirrorFailed } from './store.ts'

const DATA = Buffer.from('a tile of hashes')
const SUM = hash('sha256', DATA, 'base64')
const NO_SUCH_KEY = '<Error><Code>NoSuchKey</Code></Error>'

/** A store over a server that answers as a test says, PUT by PUT; each answer serves once, the last for ever. */
async function answering(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    seen.push(request)
    request
      .resume()
      .on('end', () =>
        (answers[Math.min(seen.length, answers.length) - 1] as (typeof answers)[0])(request, response),
      )
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const reference = { env: 'unused' }
  const store = s3Store({
    config: {
      ...{ bucket: 'bucket', region: 'us-east-1', endpoint, timeout: '300ms' },
      ...{ access_key_id: reference, secret_access_key: reference },
      lock: { retain: '10d', tail: '1d' },
    },
    name: 'log',
    clock: { now: () => Date.UTC(2026, 0, 1) },
    credentials: async () => ({ accessKeyId: 'id', secretAccessKey: 'hush' }),
  })
  return {
    store,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

const say =
  (status: number, body: string | Buffer = '', headers: Readonly<Record<string, string>> = {}) =>
  (_: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, headers).end(body)
const code = (name: string) =>
  `<?xml version="1.0"?><Error><Code>${name}</Code><Message>hush</Message></Error>`

/** What a server does instead of keeping a file, and what people read. */
const TROUBLES: Readonly<Record<string, [answer: Parameters<typeof answering>[0], words: RegExp]>> = {
  'is overloaded': [say(503, code('SlowDown')), /asks to slow down/],
  'breaks with a page that is no XML': [say(500, '<html>hush</html>'), /it answered 500$/],
  'never answers': [() => {}, /did not answer in time/],
  'drops the connection': [(request) => request.socket.destroy(), /connection failed/],
  'got other bytes than were sent': [say(400, code('BadDigest')), /not what was sent/],
  'finds the clock wrong': [say(403, code('RequestTimeTooSkewed')), /set this machine’s time/],
  'sends elsewhere': [say(307, '', { location: 'http://127.0.0.1:1/' }), /redirect/],
  'says that it took it and did not': [
    (request, response) => (request.method === 'PUT' ? say(200) : say(404, NO_SUCH_KEY))(request, response),
    /did not keep tile\/0\/000/,
  ],
  'says that it took it and took something else': [
    (request, response) => (request.method === 'PUT' ? say(200) : say(200, 'a tile'))(request, response),
    /did not keep tile\/0\/000/,
  ],
}

for (const [trouble, [answer, words]] of Object.entries(TROUBLES)) {
  test(`a bucket that ${trouble} has not got the file, and nothing of its words or of our secrets is repeated`, async () => {
    await using made = await answering(answer)
    await assert.rejects(made.store.put('tile/0/000', DATA, 'kept'), (error: Error) => {
      assert.ok(error instanceof MirrorFailed, error.stack)
      assert.match(error.message, words)
      return !error.message.includes('hush')
    })
  })
}

test('a file is sent with its sum, a lock for its time and the wish that nothing be replaced', async () => {
  await using made = await answering(say(200, '', { 'x-amz-checksum-sha256': SUM }))
  await made.store.put('tile/0/000', DATA, 'kept')
  await made.store.put('tile/0/000.p/3', DATA, 'tail')
  await made.store.put('checkpoint', DATA, 'head')
  const sent = made.seen.map(({ url, headers }) => [
    url,
    headers['if-none-match'],
    headers['x-amz-object-lock-mode'],
    headers['x-amz-object-lock-retain-until-date'],
  ])
  assert.deepEqual(sent, [
    ['/bucket/log/tile/0/000', '*', 'COMPLIANCE', '2026-01-11T00:00:00.000Z'],
    ['/bucket/log/tile/0/000.p/3', '*', 'COMPLIANCE', '2026-01-02T00:00:00.000Z'],
    ['/bucket/log/checkpoint', undefined, 'COMPLIANCE', '2026-01-02T00:00:00.000Z'],
  ])
  for (const { headers } of made.seen) {
    assert.equal(headers['x-amz-checksum-sha256'], SUM)
    assert.match(String(headers.authorization), /x-amz-object-lock-retain-until-date/, 'the lock is signed')
  }
})

test('of an answer that is cut off nothing is taken', async () => {
  await using made = await answering((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    setImmediate(() => response.destroy())
  })
  await assert.rejects(made.store.get('tile/0/000'), MirrorFailed)
})

test('that there is nothing is believed only of a store that says so of the file', async () => {
  for (const [status, body] of [
    [404, code('NoSuchBucket')],
    [404, ''],
    [403, code('AccessDenied')],
  ] as const) {
    await using made = await answering(say(status, body))
    await assert.rejects(made.store.get('checkpoint'), MirrorFailed)
  }
})

test('behind a marker of deletion a file is put as a new version, but never over another file', async () => {
  const isThere = say(412, code('PreconditionFailed'))
  await using gone = await answering(
    isThere,
    say(404, NO_SUCH_KEY),
    say(200, '', { 'x-amz-checksum-sha256': SUM }),
  )
  await gone.store.put('tile/0/000', DATA, 'kept')
  assert.deepEqual(
    gone.seen.map(({ method, headers }) => [method, headers['if-none-match']]),
    [
      ['PUT', '*'],
      ['GET', undefined],
      ['PUT', undefined],
    ],
  )
  await using other = await answering(isThere, say(200, 'another tile'))
  await assert.rejects(other.store.put('tile/0/000', DATA, 'kept'), MirrorContradicts)
  assert.equal(other.seen.length, 2)
})
