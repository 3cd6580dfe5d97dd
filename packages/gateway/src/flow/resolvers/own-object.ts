import type { Resolver } from '../resolver.ts'

/** What the task itself made may be changed and shared by it. */
export const ownObject: Resolver = {
  name: 'own-object',
  resolve({ sink, of, value }, provenance) {
    if (sink !== 'handle' || of === undefined) return undefined
    return provenance.record(of, String(value))?.isOwn ? `a ${of} that this task made` : undefined
  },
}
