import type { AuditLog } from '../log.ts'

/**
 * Writes an entry when none came for `everyMs`: a log that stopped, or is led past its witnesses, does not look like one where nothing
 * happens.
 */
export function heartbeat(log: AuditLog, everyMs: number): Disposable {
  let size = log.size
  const timer = setInterval(() => {
    const isIdle = log.size === size
    size = log.size + (isIdle ? 1 : 0)
    if (isIdle) log.append({ type: 'log.heartbeat', actor: { kind: 'gateway' }, data: {} }).catch(() => {})
  }, everyMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
