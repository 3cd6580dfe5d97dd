import type { Context } from 'hono'
import { z } from 'zod'
import { parseStrict } from '../lib/strict-json.ts'
import { refuse } from '../model/refusal.ts'

const MAX_BODY = 1_048_576

/** Reads and checks a JSON body. @throws Refusal naming what was wrong */
export async function readInput<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  if (bytes.length > MAX_BODY) refuse('REQUEST_TOO_LARGE', { limit: MAX_BODY })
  const parsed = schema.safeParse(bytes.length === 0 ? {} : parseStrict(bytes).value)
  if (parsed.success) return parsed.data
  return refuse('REQUEST_MALFORMED', { detail: z.prettifyError(parsed.error).slice(0, 500) })
}

/** Reads and checks the query of an address. @throws Refusal naming what was wrong */
export function readQuery<T extends z.ZodType>(c: Context, schema: T): z.output<T> {
  const parsed = schema.safeParse(c.req.query())
  if (parsed.success) return parsed.data
  return refuse('REQUEST_MALFORMED', { detail: z.prettifyError(parsed.error).slice(0, 500) })
}

/** Text a person wrote: a reason, a note. */
export const Note = z.string().max(500)

/** A number in a query. @throws Refusal REQUEST_MALFORMED */
export function readNumber(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  if (!/^\d{1,15}$/.test(text)) refuse('REQUEST_MALFORMED', { detail: 'an index is a number' })
  return Number(text)
}
