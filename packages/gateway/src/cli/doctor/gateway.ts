import { CommandFailed } from '../exit.ts'
import type { Check } from './check.ts'

interface Status {
  readonly url: string
  readonly pid: number
  readonly locks: number
  readonly reviews: readonly string[]
  readonly leases: { readonly not_revoked: number }
  readonly log: { readonly size: number }
  readonly sinks: readonly { readonly name: string; readonly overdue: boolean; readonly problem?: string }[]
  readonly policies: { readonly dormant: readonly string[] }
  readonly servers: readonly { readonly name: string; readonly met: boolean }[]
}

export const gateway: Check = {
  id: 'gateway',
  async run(context) {
    try {
      const status = await context.control().call<Status>('GET', '/status')
      return { status: 'ok', saw: `${status.url}, process ${status.pid}, ${status.log.size} log entries` }
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      return { status: 'fail', saw: error.message }
    }
  },
}

export const servers: Check = {
  id: 'servers',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    const away = status.servers.filter((server) => !server.met).map((server) => server.name)
    if (status.servers.length === 0)
      return {
        status: 'warn',
        saw: 'none is registered',
        fix: 'ostiary import, or `servers` in ostiary.yaml',
      }
    return away.length === 0
      ? { status: 'ok', saw: `${status.servers.length} answer` }
      : { status: 'fail', saw: `${away.join(', ')} did not answer`, fix: 'See why: ostiary tool refresh' }
  },
}

export const locks: Check = {
  id: 'locks',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    return status.locks === 0
      ? { status: 'ok', saw: 'none in force' }
      : { status: 'warn', saw: `${status.locks} in force`, fix: 'ostiary lock list' }
  },
}

/** Ahead of the day on which these agents get nothing new any more. */
export const reviews: Check = {
  id: 'reviews',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    return status.reviews.length === 0
      ? { status: 'ok', saw: 'none is due within 14 days, and no sponsor has left' }
      : {
          status: 'warn',
          saw: `${status.reviews.join(', ')}: the review is due, or the sponsor has left`,
          fix: 'ostiary agent review',
        }
  },
}

/** Whoever watches there sees less than what happened. */
export const sinks: Check = {
  id: 'sinks',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    const behind = status.sinks.filter(({ overdue, problem }) => overdue || problem !== undefined)
    return behind.length === 0
      ? {
          status: 'ok',
          saw: status.sinks.length === 0 ? 'none is configured' : `${status.sinks.length} keep up`,
        }
      : {
          status: 'fail',
          saw: `${behind.map(({ name }) => name).join(', ')} do not get every entry`,
          fix: 'See why: ostiary audit sinks',
        }
  },
}

/** A credential that outlives its task, whatever the reason. */
export const credentials: Check = {
  id: 'credentials',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    const left = status.leases.not_revoked
    return left === 0
      ? { status: 'ok', saw: 'none is left over from a task that has ended' }
      : {
          status: 'fail',
          saw: `${left} could not be revoked yet and may still be good`,
          fix: 'See why: ostiary task leases',
        }
  },
}

export const policies: Check = {
  id: 'policies',
  async run(context) {
    const status = await statusOf(context)
    if (!status) return { status: 'warn', saw: 'not known while the gateway is not running' }
    const { dormant } = status.policies
    return dormant.length === 0
      ? { status: 'ok', saw: 'all are about known tools' }
      : {
          status: 'warn',
          saw: `${dormant.join(', ')} speak of tools that are not known`,
          fix: 'Check the names, or register the server.',
        }
  },
}

const statusOf = (context: Parameters<Check['run']>[0]): Promise<Status | undefined> =>
  context
    .control()
    .call<Status>('GET', '/status')
    .catch(() => undefined)
