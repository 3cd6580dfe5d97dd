import { Command } from 'commander'
import { labelProblems } from '../../flow/label-problems.ts'
import { proposeLabels } from '../../flow/propose.ts'
import { contextOf, show } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { labelsYaml } from '../labels-yaml.ts'
import { readAgentDojo } from './agentdojo-data.ts'
import { measure, reportText } from './agentdojo-report.ts'
import type { Played } from './replay.ts'
import { play } from './replay.ts'
import { readLabels, startReplay } from './replay-gateway.ts'

/** Stories under way at once; each has a task of its own. */
const PARALLEL = 16

/** `ostiary eval agentdojo`: hijacked and honest agents, call by call, through a running gateway. */
export const agentdojoCommand = (): Command =>
  new Command('agentdojo')
    .description(
      'Replay AgentDojo: what flow control stops, and how often it asks a person. No model is used.',
    )
    .requiredOption(
      '--data <folder>',
      'folder with agentdojo/ground-truth.json.gz and, if there, the recorded runs',
    )
    .option(
      '--labels <file>',
      'labels of the tools, as under `labels` in ostiary.yaml, with the suite as server',
    )
    .option(
      '--propose',
      'print proposed labels for the tools of the suites, to read and correct; play nothing',
    )
    .option('--suite <name...>', 'only these suites')
    .option('--misses <number>', 'how many kinds of misses and approvals to list', '40')
    .action(
      async (
        options: { data: string; labels?: string; propose?: true; suite?: string[]; misses: string },
        command: Command,
      ) => {
        const context = contextOf(command)
        const data = readAgentDojo(options.data, options.suite)
        if (options.propose) {
          const proposals = [...data.suites].flatMap(([suite, tools]) => proposeLabels(suite, tools))
          return show(context, 'LabelProposals', { proposals }, () => labelsYaml(proposals).trimEnd())
        }
        if (options.labels === undefined) {
          throw new CommandFailed(
            'Give the labels of the suites with --labels; --propose prints a draft to read and correct.',
            EXIT.usage,
          )
        }
        const settings = readLabels(options.labels)
        for (const [suite, tools] of data.suites)
          for (const problem of labelProblems(suite, settings.labels, tools)) context.say(`Look: ${problem}.`)
        await using stage = await startReplay(data.suites, settings)
        const played: Played[] = []
        const waiting = data.stories.values()
        await Promise.all(
          Array.from({ length: PARALLEL }, async () => {
            for (const story of waiting) {
              played.push(await play(stage, story))
              if (played.length % 500 === 0) context.say(`${played.length} of ${data.stories.length} played`)
            }
          }),
        )
        const report = measure(played, data.excluded, Number(options.misses))
        show(context, 'AgentDojoReport', report, () => reportText(report))
      },
    )
