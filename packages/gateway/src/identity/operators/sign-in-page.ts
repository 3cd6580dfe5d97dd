import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

/** The code is in the fragment, which no server and no log on the way sees; this script posts it. */
export const SIGN_IN_SCRIPT = `const code = new URLSearchParams(location.hash.slice(1)).get('code')
const say = (text) => { document.getElementById('say').textContent = text }
if (code) {
  history.replaceState(null, '', location.pathname + location.search)
  document.getElementById('link').hidden = false
  document.getElementById('go').addEventListener('click', async () => {
    const answer = await fetch('/operators/sign-in/link', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }),
    })
    if (answer.ok) location.assign(document.body.dataset.returnTo)
    else say((await answer.json()).reason.sentence)
  })
}
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
