import type { TaskTemplate } from '../config/schema.ts'
import type { Constraints, GrantDetail } from '../model/grant.ts'

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
