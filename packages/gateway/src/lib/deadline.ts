/** The time for a piece of work is over, whatever becomes of the work. */
export class DeadlinePassed extends Error {
  override name = 'DeadlinePassed'
}

/** Waits for `work`, but no longer than until `signal` aborts: also when what was asked does not listen to it. @throws DeadlinePassed */
export async function before<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(new DeadlinePassed('the time is over'))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
