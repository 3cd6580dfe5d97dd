import { isMap, parseDocument } from 'yaml'
import type { z } from 'zod'
import type { ConfigSchema } from './schema.ts'

export type TemplateEntry = NonNullable<z.input<typeof ConfigSchema>['tasks']>[string]

/** Adds task templates to the text of ostiary.yaml, leaving those that exist, comments and everything else as they are. */
export function addTemplates(yamlText: string, templates: Readonly<Record<string, TemplateEntry>>): string {
  const document = parseDocument(yamlText)
  const present = document.get('tasks', true)
  if (isMap(present)) present.flow = false
  else document.set('tasks', document.createNode({}))
  for (const [name, template] of Object.entries(templates)) {
    if (!document.hasIn(['tasks', name])) document.setIn(['tasks', name], document.createNode(template))
  }
  return document.toString({ lineWidth: 0 })
}
