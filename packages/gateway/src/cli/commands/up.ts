import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Command } from 'commander'
import { pino } from 'pino'
import { initialConfig } from '../../config/defaults.ts'
import { startGateway } from '../../main.ts'
import type { CliContext } from '../context.ts'
import { contextOf } from '../context.ts'
import { readConfig } from '../read-config.ts'

export const upCommand = (): Command =>
  new Command('up')
    .description('Start the gateway; the first run writes ostiary.yaml and a private data folder.')
    .option('--log-level <level>', 'fatal, error, warn, info, debug or silent', 'warn')
    .action(async (options: { logLevel: string }, command: Command) => {
      const context = contextOf(command)
      const first = !existsSync(context.configPath)
      if (first) {
        mkdirSync(dirname(context.configPath), { recursive: true })
        writeFileSync(context.configPath, initialConfig(), { flag: 'wx' })
      }
      const logger = pino({ level: options.logLevel }, pino.destination({ fd: 2, sync: true }))
      const stop = Promise.withResolvers<void>()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve())
      await using gateway = await startGateway(readConfig(context.configPath), logger)
      announce(context, gateway.url, first)
      await Promise.race([stop.promise, gateway.stopped])
      context.say('Stopping: open calls are ended, nothing that was answered is lost.')
    })

function announce(context: CliContext, url: string, first: boolean): void {
  if (context.json)
    return context.out(JSON.stringify({ schema: 'ostiary/v1/Up', url, config: context.configPath }))
  context.out(`Ostiary is listening on ${url}`)
  if (!first) return
  context.say(`
Wrote ${context.configPath} and a private data folder beside it. Nothing is allowed yet. Next, in another terminal:

  ostiary import            put the MCP servers your clients use behind the gateway
  ostiary tool list         see the tools they offer; none works until you approve it
  ostiary tool approve <server>/<tool>
  ostiary doctor            check that all is well
`)
}
