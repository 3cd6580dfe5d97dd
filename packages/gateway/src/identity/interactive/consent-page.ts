import { html } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

export interface ConsentView {
  readonly person: string
  /** What the client calls itself; anybody could say so. */
  readonly clientName: string
  readonly clientHost: string
  readonly redirectHost: string
  readonly agent: string
  readonly templates: readonly { readonly name: string; readonly purpose: string }[]
  readonly subject: string
  /** Sealed; comes back with the answer. */
  readonly request: string
}

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
fieldset{border:1px solid #bbb;border-radius:6px;margin:1rem 0}label{display:block;margin:.4rem 0}
input[type=text]{width:100%;font:inherit;padding:.3rem;box-sizing:border-box}
button{font:inherit;padding:.5rem 1.2rem;margin-right:.6rem}small{color:#555}
@media (prefers-color-scheme:dark){body{color:#eee;background:#161616}small{color:#aaa}}`

/** What a person is asked. Everything a client says is text, escaped, and marked as its own words. */
export function consentPage(view: ConsentView): HtmlEscapedString | Promise<HtmlEscapedString> {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Let ${view.agent} act for you?</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head>
<body>
<h1>Let <em>${view.agent}</em> act for you?</h1>
<p>You are signed in as <strong>${view.person}</strong>.</p>
<p>A program at <strong>${view.clientHost}</strong> asks. It calls itself “${view.clientName || 'nothing'}”,
which nobody has checked. Your answer goes to <strong>${view.redirectHost}</strong>.</p>
<form method="post" action="/oauth/authorize">
<input type="hidden" name="request" value="${view.request}">
<fieldset><legend>For which task?</legend>
${view.templates.map(
  ({ name, purpose }, i) =>
    html`<label><input type="radio" name="template" value="${name}" ${
      i === 0 ? html`checked` : ''
    } required> <strong>${name}</strong> <small>${purpose}</small></label>`,
)}
</fieldset>
<label>About whom or what, if the task needs it <input type="text" name="subject" maxlength="200" value="${view.subject}" autocomplete="off"></label>
<p><small>It gets access for this task alone, and loses it when the task ends. You can end it at any time.</small></p>
<button name="decision" value="allow">Allow</button><button name="decision" value="deny" formnovalidate>Do not allow</button>
</form></body></html>`
}

/** No script at all, no frame around it, and a form that goes nowhere but here and back to the client. */
export const consentHeaders = (redirectUri: string): Record<string, string> => {
  const { protocol, origin } = new URL(redirectUri)
  const back = protocol === 'https:' || protocol === 'http:' ? origin : protocol
  return {
    'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ${back}; frame-ancestors 'none'; base-uri 'none'`,
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
}
