import { Agent, connect } from '@ostiary/agent'
import { Command } from 'commander'
import { readText } from '../read-text.ts'

export const connectCommand = (): Command =>
  new Command('connect')
    .description(
      'The stdio bridge: an MCP client runs this, and its messages go through the gateway under a task.',
    )
    .argument('[server]', 'server to reach; all that the task covers when left out')
    .requiredOption('--task <template>', 'task template to open')
    .requiredOption('--state <folder>', 'private folder of the enrolled instance')
    .option('--purpose <text>', 'why, in your words')
    .option('--subject <id>', 'what or whom the task is about')
    .option('--request <text>', 'what the person asked for, in their words; @file reads it from a file')
    .action(
      async (
        server: string | undefined,
        options: { task: string; state: string; purpose?: string; subject?: string; request?: string },
      ) => {
        await using agent = new Agent({ stateDir: options.state })
        const stop = new AbortController()
        for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
          process.once(signal, () => stop.abort())
        // The client died with its end of the pipe open: the task must end all the same.
        process.stdout.on('error', () => stop.abort())
        await connect({
          agent,
          server,
          task: {
            template: options.task,
            ...(options.purpose === undefined ? {} : { purpose: options.purpose }),
            ...(options.subject === undefined ? {} : { subject: options.subject }),
            ...(options.request === undefined ? {} : { request: await readText(options.request) }),
          },
          input: process.stdin,
          output: process.stdout,
          say: (text) => process.stderr.write(`ostiary: ${text}\n`),
          signal: stop.signal,
        })
        process.stdin.destroy()
      },
    )
