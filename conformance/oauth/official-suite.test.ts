import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { BrowserSession } from '../support/browser-session.ts'
import { startGuarded } from '../support/gateway.ts'

const SUITE = resolve('node_modules/@modelcontextprotocol/conformance/dist/index.js')

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

test('the official suite’s checks of an authorization server all pass, with a person answering in the browser', async () => {
  await using gateway = await startGuarded({
    tasks: { desk: { purpose: 'Help at the desk', agents: ['desk'] } },
    interactive: { registration: { agent: 'desk' } },
  })
  await gateway.control('POST', '/agents', { name: 'desk', sponsor: 'alice@example.org' })
  // The suite's client can prove no key.
  await gateway.control('POST', '/agents/desk/bearer', { allow: true })
  const port = await freePort()
  const registered = await fetch(`${gateway.url}/oauth/register`, {
    method: 'POST',
    body: JSON.stringify({ redirect_uris: [`http://127.0.0.1:${port}/callback`], client_name: 'suite' }),
  })
  const { client_id } = (await registered.json()) as { client_id: string }
  const browser = new BrowserSession(gateway)
  await browser.signIn('dr-lee')

  const child = spawn(
    process.execPath,
    [
      SUITE,
      'authorization',
      '--url',
      gateway.url,
      '--client-id',
      client_id,
      '--port',
      String(port),
      '--resource',
      `${gateway.url}/mcp`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, killSignal: 'SIGKILL' },
  )
  let output = ''
  let isAnswered = false
  const answer = async () => {
    const url = /(http\S*\/oauth\/authorize\?\S+)\s/.exec(output)?.[1]
    if (url === undefined || isAnswered) return
    isAnswered = true
    const html = await (await browser.fetch(url)).text()
    const request = /name="request" value="([^"]+)"/.exec(html)?.[1] ?? ''
    const decided = await browser.form('/oauth/authorize', { request, decision: 'allow', template: 'desk' })
    await fetch(decided.headers.get('location') ?? '')
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      void answer()
    })
  }
  const code = await new Promise((done) => child.once('exit', done))
  const plain = output.replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g'), '')
  const results = [...plain.matchAll(/\S ([a-z-]+): (\d+) passed, (\d+) failed/g)].map((match) =>
    match.slice(1),
  )
  assert.deepEqual(
    results,
    [
      ['authorization-server-metadata-endpoint', '2', '0'],
      ['authorization-code-grant', '1', '0'],
    ],
    plain,
  )
  assert.equal(code, 0)
})
