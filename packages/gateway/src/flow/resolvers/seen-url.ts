import type { Resolver } from '../resolver.ts'

/** A link that a result held word for word, to be fetched and nothing else: what was written before the task cannot carry its data. */
export const seenUrl: Resolver = {
  name: 'seen-url',
  resolve({ sink, keys, isRead }, provenance) {
    if (sink !== 'url' || !isRead) return undefined
    const isSeen = provenance
      .originsOf(keys.filter((key) => key.startsWith('url:')))
      .some(({ source, isGivenBack }) => source.kind === 'result' && !isGivenBack)
    return isSeen ? 'a link that a result held word for word' : undefined
  },
}
