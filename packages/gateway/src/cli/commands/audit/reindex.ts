import { join } from 'node:path'
import { Command } from 'commander'
import { LogFolder } from '../../../audit/log-folder.ts'
import { openProjection } from '../../../audit/projection/place.ts'
import type { ProjectionState } from '../../../audit/projection/projection.ts'
import { Projector } from '../../../audit/projection/projector.ts'
import { projectionPlace } from '../../../gateway/open-store.ts'
import { lockFolder } from '../../../store/folder-lock.ts'
import type { CliContext } from '../../context.ts'
import { contextOf, show } from '../../context.ts'
import { CommandFailed } from '../../exit.ts'
import { readConfig } from '../../read-config.ts'

const LOOK_MS = 500

export function reindexCommand(): Command {
  return new Command('reindex')
    .description(
      'Make the searchable tables anew from the log, while the gateway runs or when it is stopped. Calls go on; questions wait.',
    )
    .option('--status', 'only say how far they are')
    .action(async ({ status }: { status?: boolean }, self: Command) => {
      const context = contextOf(self)
      const isRunning = await context.control().running()
      if (status) {
        const state = await context.control().call<ProjectionState>('GET', '/audit/projection')
        return show(context, 'AuditProjection', state, () => described(state))
      }
      const state = isRunning ? await whileRunning(context) : await whileStopped(context)
      show(context, 'AuditProjection', state, () => described(state))
    })
}

const described = ({ projected, size, problem, warning }: ProjectionState): string =>
  [`The searchable tables hold ${projected} of ${size} entries.`, problem, warning].filter(Boolean).join('\n')

async function whileRunning(context: CliContext): Promise<ProjectionState> {
  let state = await context.control().call<ProjectionState>('POST', '/audit/reindex')
  const { size } = state
  while (state.projected < size) {
    if (state.problem !== undefined) throw new CommandFailed(state.problem)
    context.say(`${state.projected} of ${state.size}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    state = await context.control().call<ProjectionState>('GET', '/audit/projection')
  }
  return state
}

async function whileStopped(context: CliContext): Promise<ProjectionState> {
  const loaded = readConfig(context.configPath)
  // So that no gateway starts in the middle of it.
  using _lock = lockFolder(loaded.dataDir)
  const folder = await LogFolder.at(join(loaded.dataDir, 'log'))
  const { origin } = await folder.checkpoint()
  await using store = await openProjection(await projectionPlace(loaded), origin)
  const projector = new Projector(store, folder)
  await projector.clear()
  let told = 0
  const { projected, size, warning } = await projector.run(({ projected: done, size: of }) => {
    if (Date.now() - told < LOOK_MS) return
    told = Date.now()
    context.say(`${done} of ${of}`)
  })
  return { projected, size, problem: undefined, warning }
}
