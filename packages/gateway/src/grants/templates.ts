import type { TaskTemplate } from '../config/schema.ts'
import type { Constraints, GrantDetail } from '../model/grant.ts'
import { isAmbiguousPath } from './ambiguous-path.ts'
import { malformed } from './constraints.ts'

export type Templates = Readonly<Record<string, TaskTemplate>>

/** What a template grants. */
export function detailsOf(template: TaskTemplate): GrantDetail[] {
  return [
    ...Object.entries(template.tools).map(([ref, constraints]) => ({
      kind: 'tool' as const,
      ...split(ref),
      constraints: (constraints ?? {}) as Constraints,
    })),
    ...template.prompts.map((ref) => ({ kind: 'prompt' as const, ...split(ref), constraints: {} })),
    ...template.resources.map(({ server, uri }) => ({
      kind: 'resource' as const,
      server,
      name: uri,
      constraints: {},
    })),
  ]
}

function split(ref: string): { server: string; name: string } {
  const at = ref.indexOf('/')
  return { server: ref.slice(0, at), name: ref.slice(at + 1) }
}

export const mayOpen = (template: TaskTemplate, agentName: string): boolean =>
  template.agents.includes('*') || template.agents.includes(agentName)

/** Names of the templates that the agent may open. */
export const openableBy = (templates: Templates, agentName: string): string[] =>
  Object.entries(templates).flatMap(([name, template]) => (mayOpen(template, agentName) ? [name] : []))

/** What is wrong with a template's grant beyond its shape: where in the file, and what. */
export function templateProblems(templates: Templates): { path: readonly PropertyKey[]; message: string }[] {
  return Object.entries(templates).flatMap(([name, template]) => [
    ...detailsOf(template)
      .filter(({ kind }) => kind === 'tool')
      .flatMap(({ server, name: tool, constraints }) =>
        Object.entries(constraints).flatMap(([argument, constraint]) => {
          const message = malformed(constraint)
          return message ? [{ path: ['tasks', name, 'tools', `${server}/${tool}`, argument], message }] : []
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
