import { Hono } from 'hono'
import { z } from 'zod'
import type { Subjects } from '../audit/content/subjects.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface SubjectsApiDeps {
  readonly subjects: Subjects
}

// In the body, never in the path: names of people do not belong into access logs.
const Named = z.strictObject({ subject: z.string().min(1).max(200) })
const Held = Named.extend({ why: z.string().min(1).max(500) })

/** Those whom entries of the log are about: legal hold, and erasure. */
export function subjectRoutes({ subjects }: SubjectsApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.post('/subjects/hold', async (c) => {
    const { subject, why } = await readInput(c, Held)
    const { pseudonym } = await subjects.hold(subject, why, by(c))
    return c.json({ pseudonym, held: true })
  })
  app.post('/subjects/release', async (c) => {
    const { subject } = await readInput(c, Named)
    const { pseudonym } = await subjects.release(subject, by(c))
    return c.json({ pseudonym, held: false })
  })
  app.post('/subjects/erase', async (c) => {
    const { subject } = await readInput(c, Named)
    return c.json(await subjects.erase(subject, by(c)))
  })
  return app
}
