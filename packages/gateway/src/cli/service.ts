import type { Place } from '../gateway/listen.ts'
import { CommandFailed, EXIT } from './exit.ts'

/** `host:port`, `[::1]:port`. */
export function placeOf(text: string): Place {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535)
    throw new CommandFailed('--listen: write host:port, such as 127.0.0.1:7771', EXIT.usage)
  return { host: (match[1] ?? match[2]) as string, port }
}

/** Resolves when the process is asked to end. */
export function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  return promise
}
