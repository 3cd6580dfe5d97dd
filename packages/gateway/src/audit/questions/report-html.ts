import type { Found } from './asked.ts'
import type { Listed, Report } from './report.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Markup that is safe to put into a page: made only here, from text that was escaped. */
class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Whatever is put in is escaped, unless it is markup already. Names come from servers and agents; what is invisible is made visible. */
function html(parts: TemplateStringsArray, ...values: readonly unknown[]): Html {
  const shown = (value: unknown): string => {
    if (value instanceof Html) return value.text
    if (Array.isArray(value)) return value.map(shown).join('')
    return String(value ?? '')
      .replace(/[^\P{C}\n]/gu, '\ufffd')
      .replace(/[&<>"']/g, (char) => ESCAPES[char] as string)
  }
  return new Html(parts.map((part, i) => part + (i < values.length ? shown(values[i]) : '')).join(''))
}

const STYLE = new Html(`
  body { font: 14px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #bbb }
  table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
  th, td { padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere }
  td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: .6rem } p.none { color: #595959 }
  @media print {
    body { margin: 0; max-width: none; font-size: 10pt } h2 { break-after: avoid } tr { break-inside: avoid } thead { display: table-header-group }
    @page { margin: 18mm 14mm }
  }
`)

type Cell = string | number | undefined

function section(
  title: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  total = rows.length,
): Html {
  const isNumber = (i: number) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number')
  const cls = (i: number) => (isNumber(i) ? new Html(' class="n"') : '')
  return html`
<h2>${title}</h2>
${
  rows.length === 0
    ? html`<p class="none">None.</p>`
    : html`<table><thead><tr>${head.map((name, i) => html`<th${cls(i)}>${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, i) => html`<td${cls(i)}>${cell}</td>`)}</tr>\n`)}</tbody></table>`
}
${total > rows.length ? html`<p>The newest ${rows.length} of ${total}.</p>` : ''}`
}

const what = ({ server, name, method }: Pick<Found, 'server' | 'name' | 'method'>): string =>
  [server, name ?? method].filter(Boolean).join('/')

/** One page that needs nothing else: no script, no font, no address. Prints to paper or PDF as it stands. */
export function reportHtml(report: Report): string {
  const { log, names } = report
  const agent = (id: string | undefined) => (id === undefined ? '' : (names[id]?.name ?? id))
  const entries = (title: string, { total, newest }: Listed) =>
    section(
      title,
      ['entry', 'time', 'type', 'by', 'about', 'task'],
      newest.map((row) => [
        row.index,
        row.at,
        row.type,
        row.operator ?? agent(row.agent),
        what(row) || agent(row.agent),
        row.task,
      ]),
      total,
    )
  const covers = report.covers.map(({ log: name, size }) => `${size} entries of ${name}`).join('; ')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Ostiary report ${report.from} to ${report.to}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>What agents did, ${report.from} to ${report.to}</h1>
<p>Made ${report.generated_at} from ${covers}. Times are UTC. The number of an entry is its index in the log.</p>
${section(
  'Identities',
  ['agent', 'id', 'sponsor', 'status now', 'calls', 'denied', 'bytes answered'],
  report.agents.map((one) => [
    names[one.agent]?.name ?? '',
    one.agent,
    names[one.agent]?.sponsor,
    names[one.agent]?.status,
    one.calls,
    one.denied,
    one.bytes,
  ]),
)}
${section(
  'Tasks and their grants',
  ['entry', 'time', 'task', 'agent', 'purpose', 'on behalf of'],
  report.tasks.newest.map((row) => [
    row.index,
    row.at,
    row.task,
    agent(row.agent),
    row.purpose ?? '(sealed)',
    row.person,
  ]),
  report.tasks.total,
)}
${section(
  'Calls by tool and decision',
  ['tool', 'decision', 'calls'],
  report.calls.map((row) => [what(row), row.outcome, row.entries]),
)}
${section(
  'Denials by reason',
  ['reason', 'server', 'times'],
  report.denials.map((row) => [row.code, row.server, row.entries]),
)}
${section(
  'Budgets and rates that were reached',
  ['agent', 'reason', 'times'],
  report.budgets.map((row) => [agent(row.agent), row.code, row.entries]),
)}
${entries('Approvals and endorsements', report.approvals)}
${entries('Locks', report.locks)}
${entries('What operators did', report.operators)}
${entries('Who looked', report.questions)}
<h2>Proofs</h2>
<p>Log <b>${log.origin}</b>, ${log.size} entries, public key <code>${log.vkey}</code>, assurance level <b>${log.level}</b>. The newest checkpoint:</p>
<pre>${log.checkpoint}</pre>
<p>Every row above can be proved without trusting whoever runs the gateway. A receipt of entry <i>n</i>:
<code>ostiary audit show n --receipt n.receipt</code>; its check, on any machine and offline:
<code>ostiary audit verify --receipt n.receipt --entry n.json --vkey …</code>. The whole log against a checkpoint you kept:
<code>ostiary audit verify --log … --held …</code>. A key and a checkpoint that come with the report prove nothing by themselves: compare them with those you were given before.</p>
</body>
</html>
`.text
}
