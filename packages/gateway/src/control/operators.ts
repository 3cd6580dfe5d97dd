import type { Context } from 'hono'
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
const OFFICER: Role = 'security-officer'
const NewOperator = z.strictObject({ name: z.string().min(2).max(200), roles: Roles })

/** People at the control plane: who they are and what they may do. */
export function operatorRoutes({ issuer, operators, duties }: OperatorsApiDeps): Hono<ControlEnv> {
  const app = new Hono<ControlEnv>()
  /** Undefined when it may be done now; else the answer that it waits for a second officer. */
  const second = async (c: Context<ControlEnv>, touchesOfficer: boolean, change: string) => {
    const proposal = touchesOfficer ? await duties.changeOfficer(change, c.get('session')) : 'confirmed'
    if (proposal === 'confirmed') return undefined
    return c.json({ proposal: { id: proposal.id, change, expires_at: proposal.expires_at } }, 202)
  }
  const isOfficer = (name: string) => operators.is(name, OFFICER)

  app.get('/operators', async (c) => c.json({ operators: (await operators.list()).map(view) }))
  app.get('/proposals', async (c) => c.json({ proposals: await duties.open() }))
  app.post('/operators', async (c) => {
    const { name, roles } = await readInput(c, NewOperator)
    const waits = await second(c, roles.includes(OFFICER), `add ${name}: ${roles.toSorted().join(', ')}`)
    if (waits) return waits
    return c.json({ operator: view(await operators.add(name, roles, by(c))) }, 201)
  })
  app.post('/operators/:name/roles', async (c) => {
    const { roles } = await readInput(c, z.strictObject({ roles: Roles }))
    const name = c.req.param('name')
    const touchesOfficer = roles.includes(OFFICER) || (await isOfficer(name))
    const waits = await second(c, touchesOfficer, `roles of ${name}: ${roles.toSorted().join(', ')}`)
    if (waits) return waits
    await operators.setRoles(name, roles, by(c))
    return c.json({ operator: view(await operators.require(name)) })
  })
  app.post('/operators/:name/link', async (c) => {
    const name = c.req.param('name')
    // Whoever asks gets the link, and with it could be the other of two.
    const isOther = name !== c.get('session').name
    const waits = await second(c, isOther && (await isOfficer(name)), `link for ${name}`)
    if (waits) return waits
    const { code, expires_at } = await operators.issueLink(name, by(c))
    return c.json({ url: `${issuer}/operators/sign-in#code=${code}`, expires_at }, 201)
  })
  app.post('/operators/:name/disable', async (c) => {
    const name = c.req.param('name')
    const waits = await second(c, await isOfficer(name), `disable ${name}`)
    if (waits) return waits
    await operators.disable(name, by(c))
    return c.json({ operator: view(await operators.require(name)) })
  })
  return app
}

const view = ({ name, roles, status, subject }: OperatorRow) => ({
  name,
  roles: JSON.parse(roles) as Role[],
  status,
  source: subject === null ? 'local' : 'provider',
})
