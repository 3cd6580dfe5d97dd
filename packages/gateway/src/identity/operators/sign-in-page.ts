import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

/** The code is in the fragment, which no server and no log on the way sees; this script posts it. */
export const SIGN_IN_SCRIPT = `const code = new URLSearchParams(location.hash.slice(1)).get('code')
const post = (path, body) => fetch(path, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body ?? {}),
})
const say = (text) => { document.getElementById('say').textContent = text }
if (code) {
  history.replaceState(null, '', location.pathname + location.search)
  document.getElementById('link').hidden = false
  document.getElementById('go').addEventListener('click', async () => {
    await done(await post('/operators/sign-in/link', { code }))
  })
}
const done = async (answer) => {
  if (answer.ok) location.assign(document.body.dataset.returnTo)
  else say((await answer.json()).reason.sentence)
}
document.getElementById('passkey')?.addEventListener('click', async () => {
  const options = await (await post('/operators/sign-in/passkey/options')).json()
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  const credential = await navigator.credentials.get({ publicKey }).catch(() => undefined)
  if (credential) await done(await post('/operators/sign-in/passkey', credential.toJSON()))
})
document.getElementById('register')?.addEventListener('click', async () => {
  const asked = await post('/operators/passkeys/options')
  if (!asked.ok) return done(asked)
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await asked.json())
  const credential = await navigator.credentials.create({ publicKey }).catch(() => undefined)
  if (!credential) return
  const answer = await post('/operators/passkeys', credential.toJSON())
  say(answer.ok ? 'The passkey is registered.' : (await answer.json()).reason.sentence)
})
`

export function signInPage(view: {
  readonly returnTo: string
  readonly hasProvider: boolean
}): HtmlEscapedString | Promise<HtmlEscapedString> {
  const query = new URLSearchParams({ return_to: view.returnTo }).toString()
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title><meta name="viewport" content="width=device-width">
<script src="/operators/sign-in.js" defer></script></head>
<body data-return-to="${view.returnTo}"><h1>Sign in</h1>
<p id="link" hidden><button id="go">Sign in with this link</button></p>
${view.hasProvider ? html`<p><a href="/operators/sign-in/provider?${query}">Sign in with your organisation’s account</a></p>` : ''}
<p><button id="passkey">Sign in with a passkey</button>
<button id="register">Register a passkey (when signed in)</button></p>
<p id="say" role="status">An operator can make a one-time link: ostiary operator link &lt;name&gt;</p>
</body></html>`
}

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}
