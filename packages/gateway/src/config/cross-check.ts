import { firewallProblems } from './firewall-schema.ts'
import type { Problem } from './load.ts'
import type { Config } from './schema.ts'
import { isStdio } from './schema.ts'

/** What no single field can show: names that must exist elsewhere in the file. */
export function crossCheck(config: Config): Problem[] {
  const problems: Problem[] = []
  const expect = (ok: boolean, path: readonly PropertyKey[], message: string) => {
    if (!ok) problems.push({ path, message })
  }
  const has = (record: object, name: string) => Object.hasOwn(record, name)

  for (const [i, route] of config.routes.entries()) {
    for (const end of ['from', 'to'] as const) {
      expect(has(config.segments, route[end]), ['routes', i, end], `there is no segment \`${route[end]}\``)
    }
  }
  for (const member of ['agents', 'servers', 'models'] as const) {
    const placed = new Map<string, string>()
    for (const [segment, members] of Object.entries(config.segments)) {
      for (const [i, name] of members[member].entries()) {
        const other = placed.get(name)
        expect(
          other === undefined,
          ['segments', segment, member, i],
          `\`${name}\` is in the segment \`${other}\` already`,
        )
        placed.set(name, segment)
        if (member !== 'agents' && name !== '*') {
          expect(
            has(config[member], name),
            ['segments', segment, member, i],
            member === 'servers' ? `there is no server \`${name}\`` : `there is no provider \`${name}\``,
          )
        }
      }
    }
  }
  const written = new Map<string, string>()
  for (const [name, sink] of Object.entries(config.audit.sinks)) {
    if (!('path' in sink)) continue
    const other = written.get(sink.path)
    expect(
      other === undefined,
      ['audit', 'sinks', name, 'path'],
      `the sink \`${other}\` writes to this file already`,
    )
    written.set(sink.path, name)
  }
  const { classes } = config.audit.retention
  for (const [name, { record_class: recordClass }] of Object.entries(config.tasks)) {
    expect(
      recordClass === undefined || ['clinical', 'general', ...Object.keys(classes)].includes(recordClass),
      ['tasks', name, 'record_class'],
      `there is no class \`${recordClass}\` in \`audit.retention.classes\``,
    )
  }
  for (const [name, { key, credential }] of Object.entries(config.models)) {
    expect(!has(config.servers, name), ['models', name], 'a server has this name already')
    expect(
      key === undefined || !('lease' in key) || credential !== undefined,
      ['models', name, 'key'],
      'a `lease` needs a `credential` that it is a part of',
    )
    expect(
      credential?.kind !== 'outward-jwt' || !credential.dpop,
      ['models', name, 'credential', 'dpop'],
      'providers of models take no bound token',
    )
  }
  for (const [name, server] of Object.entries(config.servers)) {
    if (server.credential?.kind !== 'outward-jwt' || !server.credential.dpop) continue
    // A proof is for one HTTP request, and names the token in its `Authorization` header.
    const isPlaced =
      !isStdio(server) &&
      Object.entries(server.headers).every(
        ([header, value]) =>
          header.toLowerCase() !== 'authorization' && !(typeof value === 'object' && 'lease' in value),
      )
    expect(
      isPlaced,
      ['servers', name, 'credential', 'dpop'],
      'a bound token needs a server with a `url`, and goes into `Authorization` by itself: put it nowhere else',
    )
  }
  for (const [name, template] of Object.entries(config.tasks)) {
    for (const kind of ['tools', 'prompts'] as const) {
      const refs = kind === 'tools' ? Object.keys(template.tools) : template.prompts
      for (const [i, ref] of refs.entries()) {
        const server = ref.slice(0, ref.indexOf('/'))
        expect(
          has(config.servers, server),
          ['tasks', name, kind, kind === 'tools' ? ref : i],
          `there is no server \`${server}\``,
        )
      }
    }
    for (const [i, ref] of template.models.entries()) {
      const [provider = '', ...model] = ref.split('/')
      const known = config.models[provider]?.models
      expect(known !== undefined, ['tasks', name, 'models', i], `there is no provider \`${provider}\``)
      expect(
        known === undefined || model.length === 0 || known.includes('*') || known.includes(model.join('/')),
        ['tasks', name, 'models', i],
        `it is not under \`models.${provider}.models\``,
      )
    }
    for (const [i, other] of template.step_up.entries()) {
      expect(
        has(config.tasks, other),
        ['tasks', name, 'step_up', i],
        `there is no task template \`${other}\``,
      )
    }
    if (template.budget.subjects !== undefined) {
      expect(
        template.subject_arguments.length > 0,
        ['tasks', name, 'budget', 'subjects'],
        'name the arguments to count under `subject_arguments`',
      )
    }
    for (const [i, { server }] of template.resources.entries()) {
      expect(
        has(config.servers, server),
        ['tasks', name, 'resources', i, 'server'],
        `there is no server \`${server}\``,
      )
    }
  }
  for (const tool of Object.keys(config.labels)) {
    const [server = ''] = tool.split(/[/#]/, 1)
    expect(has(config.servers, server), ['labels', tool], `there is no server \`${server}\``)
  }
  expect(
    config.flow.requests === 'claimed' || Object.keys(config.flow.signers).length > 0,
    ['flow', 'signers'],
    'name who signs requests, since only signed ones count',
  )
  expect(
    config.telemetry.metrics?.listen !== `${config.listen.host}:${config.listen.port}`,
    ['telemetry', 'metrics', 'listen'],
    'agents come in there; metrics need an address of their own',
  )
  const { witnesses, cosigned_before } = config.audit
  expect(
    witnesses !== undefined || cosigned_before === undefined,
    ['audit', 'cosigned_before'],
    'name the witnesses whose cosignature is waited for, under `audit.witnesses`',
  )
  for (const [i, tool] of (cosigned_before?.tools ?? []).entries()) {
    const [server = ''] = tool.split('/', 1)
    expect(
      has(config.servers, server),
      ['audit', 'cosigned_before', 'tools', i],
      `there is no server \`${server}\``,
    )
  }
  const isUpstream = (name: string) => has(config.servers, name) || has(config.models, name)
  return [...problems, ...firewallProblems(config.firewall.rules, isUpstream)]
}
