import type { TaskTemplate } from '../config/schema.ts'
import type { Budget, Constraint, Constraints, Grant, GrantDetail } from '../model/grant.ts'
import { DIMENSIONS } from '../model/grant.ts'
import { refuse } from '../model/refusal.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'
import { malformed } from './constraints.ts'

export type Templates = Readonly<Record<string, TaskTemplate>>
type Written = TaskTemplate['tools'][string]

/** What a template grants for a task about `subject`. @throws Refusal TASK_INPUT_INVALID when it needs a subject and there is none */
export function detailsOf(template: TaskTemplate, subject: string | undefined): GrantDetail[] {
  return [
    ...Object.entries(template.tools).map(([ref, constraints]) => ({
      kind: 'tool' as const,
      ...split(ref),
      constraints: constraintsOf(constraints, subject),
    })),
    ...template.prompts.map((ref) => ({ kind: 'prompt' as const, ...split(ref), constraints: {} })),
    ...template.resources.map(({ server, uri }) => ({
      kind: 'resource' as const,
      server,
      name: uri,
      constraints: {},
    })),
    ...template.models.map((ref) => ({ kind: 'model' as const, ...ofProvider(ref), constraints: {} })),
  ]
}

function constraintsOf(written: Written, subject: string | undefined): Constraints {
  return Object.fromEntries(
    Object.entries(written ?? {}).map(([argument, { subject: isSubject, ...rest }]) => {
      if (!isSubject) return [argument, rest as Constraint]
      if (subject === undefined) refuse('TASK_INPUT_INVALID', { detail: 'this template needs a `subject`' })
      return [argument, { ...rest, eq: subject } as Constraint]
    }),
  )
}

function split(ref: string): { server: string; name: string } {
  const at = ref.indexOf('/')
  return { server: ref.slice(0, at), name: ref.slice(at + 1) }
}

/** `provider/model`, or `provider` for every model that it may be asked for. */
const ofProvider = (ref: string) => (ref.includes('/') ? split(ref) : { server: ref, name: '*' })

export const mayOpen = (template: TaskTemplate, agentName: string): boolean =>
  template.agents.includes('*') || template.agents.includes(agentName)

/** Names of the templates that the agent may open. */
export const openableBy = (templates: Templates, agentName: string): string[] =>
  Object.entries(templates).flatMap(([name, template]) => (mayOpen(template, agentName) ? [name] : []))

/** What is wrong with a template's grant beyond its shape: where in the file, and what. */
export function templateProblems(templates: Templates): { path: readonly PropertyKey[]; message: string }[] {
  return Object.entries(templates).flatMap(([name, template]) => [
    ...Object.entries(template.tools).flatMap(([ref, constraints]) =>
      Object.entries(constraints ?? {}).flatMap(([argument, { subject: _, ...constraint }]) => {
        const message = malformed(constraint as Constraint)
        return message ? [{ path: ['tasks', name, 'tools', ref, argument], message }] : []
      }),
    ),
    ...template.resources.flatMap(({ uri }, i) =>
      uri.endsWith('*') && isAmbiguousPath(uri.slice(0, -1))
        ? [
            {
              path: ['tasks', name, 'resources', i, 'uri'],
              message: 'a prefix with `..` or an encoded path matches nothing',
            },
          ]
        : [],
    ),
  ])
}

/** The terms of a template's grant beside what it allows. */
export function termsOf(
  template: TaskTemplate,
): Pick<Grant, 'budget' | 'subjectArguments' | 'costs' | 'localTools' | 'delegable' | 'delegates'> {
  return {
    budget: Object.fromEntries(
      DIMENSIONS.flatMap((dimension) => {
        const limit = template.budget[dimension]
        return limit === undefined ? [] : [[dimension, limit]]
      }),
    ),
    subjectArguments: template.subject_arguments,
    costs: template.costs,
    localTools: template.local_tools,
    delegable: template.delegate?.depth ?? 0,
    delegates: template.delegate?.to ?? [],
  }
}

/** More rights never take a limit away: where what is added has none, the limit of the task stays. */
const sum = (a: Budget, b: Budget): Budget =>
  Object.fromEntries(
    DIMENSIONS.flatMap((dimension) => {
      const limit = a[dimension]
      return limit === undefined ? [] : [[dimension, limit + (b[dimension] ?? 0)]]
    }),
  )

/** A grant with the rights of another template added. Its id, its end and whom it may be handed to stay. */
export function widened(
  {
    id,
    task,
    details,
    budget,
    subjectArguments,
    costs,
    localTools,
    delegable,
    delegates,
    parent,
    expiresAt,
    added,
  }: Grant,
  { name, template }: { readonly name: string; readonly template: TaskTemplate },
  subject: string | undefined,
): Grant {
  const more = termsOf(template)
  return {
    id,
    task,
    details: [...details, ...detailsOf(template, subject)],
    budget: sum(budget, more.budget),
    subjectArguments: [...new Set([...subjectArguments, ...more.subjectArguments])],
    costs: { ...more.costs, ...costs },
    localTools: [...new Set([...(localTools ?? []), ...(more.localTools ?? [])])],
    delegable,
    delegates,
    parent,
    expiresAt,
    added: [...(added ?? []), name],
  }
}
