import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, enrol } from '@ostiary/agent'
import { pino } from 'pino'
import { parse } from 'yaml'
import { z } from 'zod'
import { FlowSchema } from '../../config/flow-schema.ts'
import { LabelsSchema } from '../../config/label-schema.ts'
import type { FlowSettings } from '../../flow/tasks.ts'
import { startGateway } from '../../main.ts'
import { ControlClient } from '../control-client.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { readConfig } from '../read-config.ts'
import type { Tools } from './agentdojo-data.ts'
import type { Stage } from './replay.ts'
import { ReplayServer } from './replay-server.ts'

/**
 * The labels under test: a file with `labels:` and, where needed, `flow:` as in ostiary.yaml, or the labels alone. YAML anchors and merge
 * keys may be used. @throws CommandFailed
 */
export function readLabels(path: string): FlowSettings {
  let value: unknown
  try {
    value = parse(readFileSync(path, 'utf8'), { merge: true, maxAliasCount: 10_000 })
  } catch (error) {
    throw new CommandFailed(`${path} cannot be read: ${(error as Error).message}`, EXIT.usage)
  }
  if (typeof value !== 'object' || value === null)
    throw new CommandFailed(`${path} holds no labels.`, EXIT.usage)
  const isWhole = 'labels' in value
  const parsed = Settings.safeParse(isWhole ? value : { labels: value })
  if (!parsed.success)
    throw new CommandFailed(`${path} cannot be used:\n${z.prettifyError(parsed.error)}`, EXIT.usage)
  return parsed.data
}

const Settings = z.strictObject({ labels: LabelsSchema, flow: FlowSchema.prefault({}) })

/** A real gateway in a folder of its own, with one server per suite and a task template of the same name that may use all of its tools. */
export async function startReplay(
  suites: ReadonlyMap<string, Tools>,
  { labels, flow }: FlowSettings,
): Promise<Stage & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-eval-'))
  stack.defer(() => rmSync(dir, { recursive: true, force: true }))
  const server = stack.use(await ReplayServer.start(suites))
  const names = [...suites.keys()]
  const used = Object.fromEntries(
    Object.entries(labels).filter(([tool]) => names.includes(tool.split(/[/#]/, 1)[0] ?? '')),
  )
  writeFileSync(
    join(dir, 'ostiary.yaml'),
    JSON.stringify({
      version: 1,
      listen: { port: 0 },
      limits: { rate: 100_000 },
      servers: Object.fromEntries(names.map((name) => [name, { url: server.urlOf(name), reverify: '1h' }])),
      segments: { agents: { agents: ['*'] }, servers: { servers: ['*'] } },
      routes: [{ from: 'agents', to: 'servers' }],
      tasks: Object.fromEntries(
        names.map((name) => [
          name,
          { purpose: `Replay of ${name}`, agents: ['replay'], tools: { [`${name}/*`]: null } },
        ]),
      ),
      flow: { ...flow, mode: 'enforce', requests: 'claimed' },
      labels: used,
    }),
  )
  const gateway = stack.use(
    await startGateway(readConfig(join(dir, 'ostiary.yaml')), pino({ level: 'silent' })),
  )
  const control: Stage['control'] = (method, path, body) =>
    new ControlClient(gateway.dataDir).call(method, path, body)
  for (const name of names) {
    const { problems } = await control<{ problems: object[] }>('POST', '/tools/refresh', {
      server: name,
    })
    if (problems.length > 0)
      throw new CommandFailed(`The replay server failed: ${JSON.stringify(problems)}`, EXIT.failed)
    await control('POST', `/tools/${name}/${encodeURIComponent('*')}/approve`, {
      note: 'eval',
      despite: true,
    })
  }
  await control('POST', '/agents', { name: 'replay', sponsor: 'eval@localhost.localdomain' })
  const owned = stack.move()
  return {
    async enrol() {
      const { code } = await control<{ code: string }>('POST', '/agents/replay/enrol')
      const stateDir = mkdtempSync(join(dir, 'instance-'))
      await enrol({ gateway: gateway.url, code, stateDir })
      return new Agent({ stateDir })
    },
    control,
    server,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
