import { z } from 'zod'
import { Name } from './fields.ts'

/** MCP clients that people use themselves: the person signs in and lets the client act for them (OAuth 2.1, RFC 7636). */
export const InteractiveSchema = z.strictObject({
  clients: z
    .array(
      z.strictObject({
        client_id: z
          .url({ protocol: /^https?$/ })
          .describe('Address of the client’s metadata document, exactly as the client sends it.'),
        agent: Name.describe('The agent its instances belong to.'),
      }),
    )
    .default([])
    .describe('Known clients. Any other is refused.'),
  registration: z
    .strictObject({ agent: Name.describe('The agent that self-registered clients belong to.') })
    .optional()
    .describe('Let unknown clients register themselves (RFC 7591). Off unless given: anybody could.'),
})

export type InteractiveConfig = z.output<typeof InteractiveSchema>
