import { Command } from 'commander'
import { agentCommand } from './commands/agent.ts'
import { auditCommand } from './commands/audit/index.ts'
import { configCommand } from './commands/config.ts'
import { connectCommand } from './commands/connect.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evalCommand } from './commands/eval.ts'
import { flowCommand } from './commands/flow.ts'
import { importCommand } from './commands/import.ts'
import { lockCommand } from './commands/lock.ts'
import { operatorCommand } from './commands/operator.ts'
import { policyCommand } from './commands/policy.ts'
import { secretCommand } from './commands/secret.ts'
import { signerCommand } from './commands/signer.ts'
import { statusCommand } from './commands/status.ts'
import { subjectCommand } from './commands/subject.ts'
import { taskCommand } from './commands/task.ts'
import { toolCommand } from './commands/tool.ts'
import { upCommand } from './commands/up.ts'
import { witnessCommand } from './commands/witness.ts'

/** The whole command line. One file a noun; to add one, a file and a line here. */
export function program(): Command {
  const root = new Command('ostiary')
    .description('A Zero Trust gateway for AI agents.')
    .version('0.1.0')
    .option('-c, --config <file>', 'configuration file', 'ostiary.yaml')
    .option('--json', 'print one JSON object instead of text')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
  const commands = [
    upCommand(),
    statusCommand(),
    importCommand(),
    connectCommand(),
    agentCommand(),
    toolCommand(),
    taskCommand(),
    flowCommand(),
    lockCommand(),
    operatorCommand(),
    auditCommand(),
    subjectCommand(),
    witnessCommand(),
    signerCommand(),
    policyCommand(),
    secretCommand(),
    configCommand(),
    doctorCommand(),
    evalCommand(),
    demoCommand(),
  ]
  for (const command of commands) root.addCommand(inherit(command))
  return root
}

/** Errors come out as exceptions on every level, so that one place sets the exit code. */
function inherit(command: Command): Command {
  command.exitOverride().showSuggestionAfterError()
  for (const child of command.commands) inherit(child)
  return command
}
