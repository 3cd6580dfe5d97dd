import type { Context } from 'hono'
import { refuse } from '../../model/refusal.ts'
import type { KnownInstance } from '../instances.ts'
import { instanceOf } from './assertion.ts'
import { bindTo } from './binding.ts'
import type { AuthorizationServer, TaskAndGrant } from './context.ts'
import { readTaskDetail } from './details.ts'
import type { Form } from './form.ts'
import { issueToken, principalOf } from './issue.ts'

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Client credentials by `private_key_jwt` (RFC 6749 section 4.4, RFC 7523): an instance asks for a token by its own key. */
export async function clientCredentials(as: AuthorizationServer, c: Context, form: Form): Promise<Response> {
  const holder = await clientOf(as, form)
  const bound = bindTo(as, c, holder)
  const work = await taskFor(as, holder, form.get('authorization_details'))
  return await issueToken(as, c, { holder, bound, work })
}

/** The authenticated instance. @throws Refusal ASSERTION_* */
export async function clientOf(as: AuthorizationServer, form: Form): Promise<KnownInstance> {
  if (form.get('client_assertion_type') !== ASSERTION_TYPE)
    refuse('ASSERTION_INVALID', { detail: 'it must be a JWT' })
  const holder = await instanceOf(as, form.get('client_assertion') ?? '')
  if (form.has('client_id') && form.get('client_id') !== holder.id)
    refuse('ASSERTION_INVALID', { detail: '`client_id` is not the instance' })
  return holder
}

/** The task a token is asked for: one that is open already, or a new one. */
export async function taskFor(
  as: AuthorizationServer,
  holder: KnownInstance,
  details: string | undefined,
): Promise<TaskAndGrant | undefined> {
  const asked = readTaskDetail(details)
  if (asked === undefined) return undefined
  if ('wish' in asked) {
    const opener = principalOf(holder, { binding: 'dpop', jkt: '' })
    return await as.tasks.open(opener, asked.wish)
  }
  const live = as.tasks.live(asked.task)
  return live?.task.instance === holder.id ? live : await refuseTask(as, holder, asked.task.slice(0, 40))
}

/** Another instance's task is as unknown as one that never was; of its own the instance learns what became of it. */
async function refuseTask(as: AuthorizationServer, holder: KnownInstance, id: string): Promise<never> {
  const found = await as.tasks.describe(id)
  if (found?.task.instance !== holder.id) return refuse('TASK_UNKNOWN', { task: id })
  if (found.task.state === 'paused') return refuse('TASK_PAUSED')
  return refuse('TASK_CLOSED', { end: found.task.end ?? 'its time is over' })
}
