import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import type { GuardedGateway } from '../support/gateway.ts'
import { startGuarded } from '../support/gateway.ts'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
const skip = existsSync(executablePath) ? false : 'a Chromium: set CHROMIUM to its path'

let gateway: GuardedGateway
let browser: Browser
let origin: string

before(async () => {
  if (skip) return
  gateway = await startGuarded({})
  origin = gateway.url.replace('127.0.0.1', 'localhost')
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
})

after(async () => {
  await browser?.close()
  await gateway?.[Symbol.asyncDispose]()
})

interface Seat {
  readonly context: BrowserContext
  readonly page: Page
  readonly cdp: CDPSession
  readonly authenticator: string
}

/** A browser with an authenticator that always finds its person. */
async function seat(): Promise<Seat> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { context, page, cdp, authenticator: authenticatorId }
}

async function withLink({ page }: Seat, name: string): Promise<void> {
  await gateway.control('POST', '/operators', { name, roles: ['viewer'] })
  const { url } = await gateway.control<{ url: string }>('POST', `/operators/${name}/link`)
  await page.goto(url.replace('127.0.0.1', 'localhost'))
  await page.click('#go')
  await page.waitForURL(`${origin}/operators/me`)
}

const registered = async ({ page }: Seat) => {
  await page.goto(`${origin}/operators/sign-in`)
  await page.click('#register')
  await page.getByText('The passkey is registered.').waitFor()
}

const me = async (page: Page) =>
  JSON.parse((await page.textContent('body')) ?? '{}') as { name?: string; method?: string }

test('a person signs in by a link, registers a passkey, and signs in with it in a real browser', {
  skip,
}, async () => {
  const own = await seat()
  await withLink(own, 'dr-lee')
  await registered(own)
  await own.context.clearCookies()
  await own.page.goto(`${origin}/operators/sign-in`)
  await own.page.click('#passkey')
  await own.page.waitForURL(`${origin}/operators/me`)
  assert.deepEqual(await me(own.page).then(({ name, method }) => [name, method]), ['dr-lee', 'passkey'])
  await own.context.close()
})

test('nobody registers a passkey without being signed in', { skip }, async () => {
  const own = await seat()
  await own.page.goto(`${origin}/operators/sign-in`)
  await own.page.click('#register')
  await own.page.getByText('Nobody is signed in.').waitFor()
  await own.context.close()
})

test('a copied passkey whose counter does not grow is refused, and so is an answer sent twice', {
  skip,
}, async () => {
  const own = await seat()
  await withLink(own, 'ann')
  await registered(own)
  const { credentials } = await own.cdp.send('WebAuthn.getCredentials', {
    authenticatorId: own.authenticator,
  })
  const answers: string[] = []
  const signIn = async () => {
    await own.context.clearCookies()
    await own.page.goto(`${origin}/operators/sign-in`)
    const sent = own.page.waitForRequest((request) => request.url().endsWith('/sign-in/passkey'))
    await own.page.click('#passkey')
    const request = await sent
    answers.push(request.postData() ?? '')
    const status = (await request.response())?.status()
    // The page goes on by itself then; leaving it in the middle would be an error of the test.
    if (status === 200) await own.page.waitForURL(`${origin}/operators/me`)
    return status
  }
  assert.equal(await signIn(), 200)
  // The copy has the counter of the moment it was made.
  await own.cdp.send('WebAuthn.clearCredentials', { authenticatorId: own.authenticator })
  const [credential] = credentials
  assert.ok(credential)
  await own.cdp.send('WebAuthn.addCredential', { authenticatorId: own.authenticator, credential })
  assert.equal(await signIn(), 403)
  const replayed = await fetch(`${gateway.url}/operators/sign-in/passkey`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: answers[0] ?? '',
  })
  assert.equal(replayed.status, 403)
  await own.context.close()
})
