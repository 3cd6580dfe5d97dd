import { Command } from 'commander'
import { agentdojoCommand } from '../eval/agentdojo.ts'
import { injectionCommand } from '../eval/injection.ts'

/** One file in `cli/eval/` an evaluation; to add one, a file and a line here. */
export function evalCommand(): Command {
  const evaluate = new Command('eval').description('Measure the protection with data sets of your own copy.')
  for (const command of [agentdojoCommand(), injectionCommand()]) evaluate.addCommand(command)
  return evaluate
}
