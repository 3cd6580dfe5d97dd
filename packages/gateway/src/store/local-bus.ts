import type { Bus, Subscriber } from './bus.ts'

/** The bus of one process: events have been applied when `publish` resolves, and nothing can be missed. */
export function localBus(): Bus {
  const subscribers = new Set<Subscriber>()
  let open = true
  return {
    async publish(event) {
      await Promise.all([...subscribers].map(async (subscriber) => subscriber.onEvent(event)))
    },
    subscribe(onEvent, onGap) {
      const subscriber = { onEvent, onGap }
      subscribers.add(subscriber)
      return () => subscribers.delete(subscriber)
    },
    alive: () => open,
    async [Symbol.asyncDispose]() {
      open = false
      subscribers.clear()
    },
  }
}
