import { Command } from 'commander'
import { contextOf, show } from '../context.ts'
import type { CheckResult } from '../doctor/check.ts'
import { CHECKS } from '../doctor/index.ts'
import { CommandFailed } from '../exit.ts'

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('Check that all is well, and say what to do where it is not.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const results: ({ id: string } & CheckResult)[] = []
      for (const check of CHECKS) results.push({ id: check.id, ...(await check.run(context)) })
      show(context, 'Doctor', { checks: results }, () =>
        results
          .map(
            ({ status, id, saw, fix }) =>
              `${{ ok: 'ok  ', warn: 'warn', fail: 'FAIL' }[status]}  ${id}: ${saw}${fix ? `\n      ${fix}` : ''}`,
          )
          .join('\n'),
      )
      if (results.some((result) => result.status === 'fail')) throw new CommandFailed('')
    })
