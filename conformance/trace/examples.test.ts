import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { parse } from 'yaml'
import { loadConfig } from '../../packages/gateway/src/config/load.ts'
import { REASONS } from '../../packages/gateway/src/model/reasons.ts'
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../packages/gateway/src/trace/metric-catalogue.ts'
import { freePort } from '../support/documents.ts'
import { RawClient, startGuarded } from '../support/gateway.ts'
import { ModelServer } from '../support/model-server.ts'
import { ToolServer } from '../support/tool-server.ts'

const DIR = 'examples/observability'
const yaml = (name: string) => parse(readFileSync(`${DIR}/${name}`, 'utf8'))

interface Board {
  readonly uid: string
  readonly templating: { readonly list: readonly { readonly name: string }[] }
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly datasource: { readonly uid: string }
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}

const boards = globSync(`${DIR}/grafana/*.json`).map(
  (path) => JSON.parse(readFileSync(path, 'utf8')) as Board,
)
const alerts: readonly { alert: string; expr: string; annotations: { summary: string } }[] = yaml(
  'alerts.yml',
).groups.flatMap(({ rules }: { rules: unknown[] }) => rules)

interface Query {
  readonly where: string
  readonly expr: string
  /** What stands beside it and uses its labels. */
  readonly text: string
}

const queries: readonly Query[] = [
  ...alerts.map(({ alert, expr, annotations }) => ({ where: alert, expr, text: annotations.summary })),
  ...boards.flatMap(({ uid, panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, legendFormat }) => ({ where: `${uid}: ${title}`, expr, text: legendFormat })),
    ),
  ),
]

/** The metrics of a query with the labels it uses, by Prometheus' own grammar. */
function readQuery(expr: string): { metrics: Set<string>; labels: Set<string>; codes: string[] } {
  const text = expr.replaceAll('$__rate_interval', '5m')
  const metrics = new Set<string>()
  const labels = new Set<string>()
  const codes: string[] = []
  parser.parse(text).iterate({
    enter({ name, from, to, type }) {
      const part = text.slice(from, to)
      assert.ok(!type.isError, `${expr}: ${part || 'something is missing'} at ${from}`)
      if (name === 'Identifier') metrics.add(part)
      if (name === 'LabelName') labels.add(part)
      if (name === 'UnquotedLabelMatcher') {
        const [, value = ''] = /^code=~?"([^"]*)"$/.exec(part) ?? []
        codes.push(...value.split('|').filter((code) => /^[A-Z_]+$/.test(code)))
      }
    },
  })
  return { metrics, labels, codes }
}

const catalogue: Readonly<Record<string, { readonly labels: readonly string[] }>> = {
  ...COUNTERS,
  ...HISTOGRAMS,
  ...GAUGES,
}
const baseOf = (metric: string) => metric.replace(/_(?:bucket|sum|count)$/, '')

test('every query is one, and its metrics and labels exist', async () => {
  await using tools = await ToolServer.start()
  await using models = await ModelServer.start()
  const port = await freePort()
  await using gateway = await startGuarded({
    segments: { agents: { agents: ['*'] }, servers: { servers: ['*'], models: ['*'] } },
    servers: { files: { url: tools.url } },
    models: { lab: { apis: ['openai-chat'], url: models.url, models: ['m'] } },
    tasks: { work: { purpose: 'Test', agents: ['*'], tools: { 'files/*': {} }, models: ['lab'] } },
    telemetry: { metrics: { listen: `127.0.0.1:${port}` } },
  })
  await gateway.approveAll('files')
  await using client = await RawClient.open(await gateway.enrol('bot'), 'work', '/mcp/files')
  await client.initialize()
  await client.call('echo', { text: 'a' })
  await client.send('not json')
  await client.agent
    .fetch(client.task, `${gateway.url}/llm/lab/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'a' }] }),
    })
    .then((answer) => answer.text())
  const served = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const shown = new Set(served.match(/^[a-z_0-9]+/gm))
  assert.ok(queries.length >= 25)
  for (const { where, expr, text } of queries) {
    const { metrics, labels, codes } = readQuery(expr)
    assert.ok(metrics.size > 0, where)
    for (const metric of metrics) {
      const known = catalogue[baseOf(metric)]
      assert.ok(metric === 'up' || known || shown.has(metric), `${where}: there is no metric ${metric}`)
      // Only what is not configured here is absent.
      if (known && !/_lag_entries$/.test(metric))
        assert.ok(shown.has(metric), `${where}: ${metric} is not served`)
      if (!known) continue
      const has = new Set([...known.labels, 'le', 'job', 'instance'])
      for (const label of labels) assert.ok(has.has(label), `${where}: ${metric} has no label ${label}`)
    }
    const told = [...labels, ...[...metrics].flatMap((metric) => catalogue[baseOf(metric)]?.labels ?? [])]
    for (const [, label = ''] of text.matchAll(/\{\{ ?(?:\$labels\.)?(\w+) ?\}\}/g))
      assert.ok(told.includes(label), `${where}: no metric has a label ${label}`)
    for (const code of codes) assert.ok(code in REASONS, `${where}: there is no reason ${code}`)
  }
})

test('the dashboards are what Grafana imports: a data source to choose, and panels that do not overlap', () => {
  assert.ok(boards.length >= 2)
  for (const { uid, panels, templating } of boards) {
    assert.deepEqual(
      templating.list.map(({ name }) => name),
      ['datasource'],
    )
    const taken = new Set<string>()
    for (const { id, title, datasource, gridPos } of panels) {
      assert.equal(datasource.uid, `$\{datasource}`, title)
      const { x, y, w, h } = gridPos
      assert.ok(x + w <= 24, title)
      for (let column = x; column < x + w; column++)
        for (let row = y; row < y + h; row++) {
          const cell = `${column} ${row}`
          assert.ok(!taken.has(cell), `${uid}: panel ${id} lies over another`)
          taken.add(cell)
        }
    }
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  }
})

test('gateway, Prometheus and collector of the example meet', () => {
  const { config } = loadConfig(`${DIR}/ostiary.yaml`)
  const { metrics, traces } = config.telemetry
  const prometheus = yaml('prometheus.yml')
  assert.deepEqual(prometheus.scrape_configs[0].static_configs[0].targets, [metrics?.listen])
  assert.equal(prometheus.scrape_configs[0].job_name, 'ostiary')
  assert.deepEqual(prometheus.rule_files, ['alerts.yml'])
  const collector = yaml('otel-collector.yaml')
  assert.equal(collector.receivers.otlp.protocols.http.endpoint, new URL(traces?.endpoint ?? '').host)
  for (const pipeline of Object.values<Record<string, string[]>>(collector.service.pipelines))
    for (const [part, names] of Object.entries(pipeline))
      for (const name of names)
        assert.ok(Object.hasOwn(collector[part], name), `${part}: ${name} is not defined`)
})
