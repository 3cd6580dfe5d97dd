/** Epoch milliseconds. Tests inject their own. */
export interface Clock {
  now(): number
}

/**
 * Wall time that never runs backwards: after a step back it goes on from the highest value at the pace of the monotonic clock,
 * so an expired token or a used proof does not become fresh again. A step forward (a laptop that slept) is followed.
 */
export function systemClock(wall = Date.now, monotonic = () => performance.now()): Clock {
  let last = wall()
  let mark = monotonic()
  return {
    now() {
      const tick = monotonic()
      const now = Math.max(wall(), Math.floor(last + (tick - mark)))
      last = now
      mark = tick
      return now
    },
  }
}
