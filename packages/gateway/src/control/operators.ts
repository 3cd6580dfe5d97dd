import { Hono } from 'hono'
import { z } from 'zod'
import type { Role } from '../config/people-schema.ts'
import { ROLES } from '../config/people-schema.ts'
import type { Operators } from '../identity/operators/operators.ts'
import type { Duties } from '../oversight/duties.ts'
import type { OperatorRow } from '../store/schema.ts'
import { readInput } from './input.ts'
import type { ControlEnv } from './session.ts'
import { by } from './session.ts'

export interface OperatorsApiDeps {
  readonly issuer: string
  readonly operators: Operators
  readonly duties: Duties
}

const Roles = z.array(z.enum(ROLES)).max(ROLES.length)
const NewOperator = z.strictObject({ name: z.string().min(2).max(200), roles: Roles })

/** People at the control plane: who they are and what they may do. */
export function operatorRoutes({ issuer, operators, duties }: OperatorsApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  app.get('/operators', async (c) => c.json({ operators: (await operators.list()).map(view) }))
  app.get('/proposals', async (c) => c.json({ proposals: await duties.open() }))
  app.post('/operators', async (c) => {
    const { name, roles } = await readInput(c, NewOperator)
    return c.json({ operator: view(await operators.add(name, roles, by(c))) }, 201)
  })
  app.post('/operators/:name/roles', async (c) => {
    const { roles } = await readInput(c, z.strictObject({ roles: Roles }))
    await operators.setRoles(c.req.param('name'), roles, by(c))
    return c.json({ operator: view(await operators.require(c.req.param('name'))) })
  })
  app.post('/operators/:name/link', async (c) => {
    const { code, expires_at } = await operators.issueLink(c.req.param('name'), by(c))
    return c.json({ url: `${issuer}/operators/sign-in#code=${code}`, expires_at }, 201)
  })
  app.post('/operators/:name/disable', async (c) => {
    await operators.disable(c.req.param('name'), by(c))
    return c.json({ operator: view(await operators.require(c.req.param('name'))) })
  })
  return app
}

const view = ({ name, roles, status, subject }: OperatorRow) => ({
  name,
  roles: JSON.parse(roles) as Role[],
  status,
  source: subject === null ? 'local' : 'provider',
})
