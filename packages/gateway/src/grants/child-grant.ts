import type { Budget, Grant, GrantDetail } from '../model/grant.ts'
import { DIMENSIONS } from '../model/grant.ts'
import { refuse } from '../model/refusal.ts'
import { widens } from './attenuate.ts'

/** What a sub-agent is to get; whatever is left out is as in the grant above. */
export interface ChildRequest {
  readonly details?: readonly GrantDetail[] | undefined
  readonly budget?: Budget | undefined
  /** Epoch milliseconds. */
  readonly expiresAt?: number | undefined
  /** Links that may hang below the child in turn; none unless asked for. */
  readonly delegable?: number | undefined
}

/**
 * The grant of a sub-agent: a part of the one above, with a budget out of what that has left.
 * @throws Refusal DELEGATION_NOT_ALLOWED, DELEGATION_TOO_DEEP or DELEGATION_WIDER
 */
export function childGrant(
  ids: { readonly grant: string; readonly task: string },
  parent: Grant,
  remaining: Budget,
  to: { readonly agentName: string; readonly template: string },
  request: ChildRequest,
): Grant {
  if (parent.delegable < 1) refuse('DELEGATION_TOO_DEEP', { template: to.template })
  if (!parent.delegates.includes('*') && !parent.delegates.includes(to.agentName))
    refuse('DELEGATION_NOT_ALLOWED', { agent: to.agentName, template: to.template })
  const child: Grant = {
    id: ids.grant,
    task: ids.task,
    details: request.details ?? parent.details,
    budget: { ...remaining, ...given(request.budget) },
    subjectArguments: parent.subjectArguments,
    costs: parent.costs,
    ...(parent.localTools === undefined ? {} : { localTools: parent.localTools }),
    delegable: request.delegable ?? 0,
    delegates: parent.delegates,
    parent: parent.id,
    expiresAt: request.expiresAt ?? parent.expiresAt,
  }
  const wider = widens(child, { ...parent, budget: remaining })
  return wider === undefined ? child : refuse('DELEGATION_WIDER', { detail: wider })
}

const given = (budget: Budget | undefined): Budget =>
  Object.fromEntries(
    DIMENSIONS.flatMap((dimension) =>
      budget?.[dimension] === undefined ? [] : [[dimension, budget[dimension]]],
    ),
  )
