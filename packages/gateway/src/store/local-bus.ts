import type { Bus, BusEvent } from './bus.ts'

/** The bus of one machine: events reach subscribers before `publish` resolves. */
export function localBus(): Bus {
  const subscribers = new Set<(event: BusEvent) => void>()
  let open = true
  return {
    async publish(event) {
      for (const subscriber of subscribers) subscriber(event)
    },
    subscribe(onEvent) {
      subscribers.add(onEvent)
      return () => subscribers.delete(onEvent)
    },
    alive: () => open,
    async [Symbol.asyncDispose]() {
      open = false
      subscribers.clear()
    },
  }
}
