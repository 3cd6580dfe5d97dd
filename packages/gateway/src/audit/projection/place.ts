import { openPostgresProjection } from './postgres.ts'
import { openSqliteProjection } from './sqlite.ts'
import type { ProjectionStore } from './store.ts'

/** Where the searchable tables are. */
export type ProjectionPlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string }

/** @throws StoreUnavailable */
export async function openProjection(place: ProjectionPlace, origin: string): Promise<ProjectionStore> {
  return place.kind === 'sqlite'
    ? openSqliteProjection(place.path, origin)
    : await openPostgresProjection(place.url, origin)
}
