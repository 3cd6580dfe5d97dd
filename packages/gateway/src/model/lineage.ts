/** Ids of a task and those above it, the root first, from its lineage `/root/…/self/`. */
export const idsOf = (lineage: string): readonly string[] => lineage.slice(1, -1).split('/')

export const rootLineage = (id: string): string => `/${id}/`

export const childLineage = (parent: string, id: string): string => `${parent}${id}/`
