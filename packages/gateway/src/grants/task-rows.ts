import { canonicalize } from '@ostiary/evidence'
import type { Budget, Grant, GrantDetail } from '../model/grant.ts'
import type { Task, TaskEnd } from '../model/task.ts'
import type { GrantRow, TaskRow } from '../store/schema.ts'

type Terms = Pick<Grant, 'subjectArguments' | 'costs' | 'localTools' | 'delegates' | 'added'>

export const taskOf = (row: TaskRow): Task => ({
  id: row.id,
  agent: row.agent_id,
  instance: row.instance_id,
  template: row.template,
  purpose: row.purpose,
  onBehalfOf: row.on_behalf_of,
  vouched: row.vouched,
  subject: row.subject ?? undefined,
  state: row.state,
  end: (row.end_reason as TaskEnd | null) ?? undefined,
  openedAt: row.opened_at,
  expiresAt: row.expires_at,
  idleMs: row.idle_ms,
  parent: row.parent_id ?? undefined,
  lineage: row.lineage,
  txn: row.txn,
})

export const rowOf = (task: Task): TaskRow => ({
  id: task.id,
  agent_id: task.agent,
  instance_id: task.instance,
  template: task.template,
  purpose: task.purpose,
  on_behalf_of: task.onBehalfOf,
  vouched: task.vouched,
  subject: task.subject ?? null,
  state: 'open',
  end_reason: null,
  opened_at: task.openedAt,
  expires_at: task.expiresAt,
  idle_ms: task.idleMs,
  last_used_at: task.openedAt,
  closed_at: null,
  parent_id: task.parent ?? null,
  lineage: task.lineage,
  txn: task.txn,
})

export const grantOf = (row: GrantRow): Grant => ({
  id: row.id,
  task: row.task_id,
  details: JSON.parse(row.details) as GrantDetail[],
  budget: JSON.parse(row.budget) as Budget,
  ...(JSON.parse(row.terms) as Terms),
  delegable: row.delegable,
  parent: row.parent_id ?? undefined,
  expiresAt: row.expires_at,
})

export const grantRow = (grant: Grant): GrantRow => {
  const { subjectArguments, costs, localTools, delegates, added } = grant
  return {
    id: grant.id,
    task_id: grant.task,
    details: canonicalize(grant.details),
    budget: canonicalize(grant.budget),
    spent: '{}',
    terms: canonicalize({
      subjectArguments,
      costs,
      delegates,
      ...(localTools?.length ? { localTools } : {}),
      ...(added === undefined ? {} : { added }),
    } satisfies Terms),
    delegable: grant.delegable,
    parent_id: grant.parent ?? null,
    expires_at: grant.expiresAt,
  }
}
