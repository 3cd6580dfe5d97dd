import { Command } from 'commander'
import { didCommand } from './did.ts'
import { diffPolicyCommand } from './diff-policy.ts'
import { exportCommand } from './export.ts'
import { mirrorCommand, restoreCommand } from './mirror.ts'
import { openCommand } from './open.ts'
import { reindexCommand } from './reindex.ts'
import { reportCommand } from './report.ts'
import { showCommand } from './show.ts'
import { sinksCommand } from './sinks.ts'
import { tailCommand } from './tail.ts'
import { timelineCommand } from './timeline.ts'
import { verifyCommand } from './verify.ts'
import { whoSawCommand } from './who-saw.ts'

export function auditCommand(): Command {
  const audit = new Command('audit').description(
    'The log: what was asked, decided and done, provable to anyone.',
  )
  const commands = [
    tailCommand(),
    showCommand(),
    openCommand(),
    didCommand(),
    whoSawCommand(),
    timelineCommand(),
    diffPolicyCommand(),
    reportCommand(),
    verifyCommand(),
    reindexCommand(),
    exportCommand(),
    mirrorCommand(),
    restoreCommand(),
    sinksCommand(),
  ]
  for (const command of commands) audit.addCommand(command)
  return audit
}
