import type { Context } from 'hono'
import { refuse } from '../../model/refusal.ts'

const MAX_BODY = 16_384

export type Form = ReadonlyMap<string, string>

/** A form body with each parameter once (RFC 6749 section 3.2). @throws Refusal */
export async function readForm(c: Context): Promise<Form> {
  const type = c.req.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded')
    refuse('REQUEST_MALFORMED', { detail: 'the body must be a form' })
  const body = await c.req.text()
  if (body.length > MAX_BODY) refuse('REQUEST_TOO_LARGE', { limit: MAX_BODY })
  const form = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body)) {
    if (form.has(name)) refuse('REQUEST_MALFORMED', { detail: 'a parameter comes twice' })
    form.set(name, value)
  }
  return form
}
