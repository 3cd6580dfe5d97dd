import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const SUITE = resolve('node_modules/@modelcontextprotocol/conformance/dist/index.js')
const EXPECTED_FAILURES = resolve('conformance/mcp/expected-failures.yml')
const SCENARIO_MS = 10_000
const RUN_MS = 60_000

export type Requirements = '2025-11-25' | '2026-07-28'

/** How often each check of each scenario came out how, e.g. `{ ping: { ping: { SUCCESS: 1 } } }`. */
export type Summary = Record<string, Record<string, Record<string, number>>>

export interface SuiteRun {
  readonly summary: Summary
  /** Why a check did not succeed, for a person who reads a failed test. */
  readonly messages: Readonly<Record<string, string>>
  /** What failed although it was not expected to, or passed although it was not: empty when the suite is content. */
  readonly complaints: string
}

/** Lines of the suite's own log, written among the checks; how many there are depends on how a stream was cut into events. */
const TRACE = new Set(['outgoing-request', 'incoming-response', 'incoming-sse-event', 'stream-closed'])

/**
 * Runs the official conformance suite against a server, with the frozen requirements of one revision.
 * @throws when the suite does not end in time
 */
export async function runSuite(target: { url: string; requirements: Requirements }): Promise<SuiteRun> {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-suite-'))
  try {
    const { code, output } = await run([
      'server',
      ...['--url', target.url, '--requirements', target.requirements, '-o', dir],
      ...['--expected-failures', EXPECTED_FAILURES, '--timeout', String(SCENARIO_MS)],
    ])
    if (code === null)
      throw new Error(`the suite did not end within ${RUN_MS / 1000} s: ${output.slice(-2000)}`)
    return {
      ...readResults(dir),
      complaints: code === 0 ? '' : output.slice(Math.max(0, output.indexOf('=== SUMMARY'))),
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SUITE, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MS,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return { code, output }
}

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

/** Each scenario leaves a folder `server-<scenario>-<time>` with its checks. */
function readResults(dir: string): { summary: Summary; messages: Record<string, string> } {
  const summary: Summary = {}
  const messages: Record<string, string> = {}
  for (const folder of readdirSync(dir).sort()) {
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '')
    const counts: Summary[string] = {}
    for (const check of JSON.parse(readFileSync(join(dir, folder, 'checks.json'), 'utf8')) as Check[]) {
      if (TRACE.has(check.id) && check.status === 'INFO') continue
      counts[check.id] ??= {}
      const count = counts[check.id] as Record<string, number>
      count[check.status] = (count[check.status] ?? 0) + 1
      if (check.errorMessage) messages[`${scenario}:${check.id}`] = check.errorMessage
    }
    summary[scenario] = counts
  }
  return { summary, messages }
}

/** Checks that came out differently, as `scenario:check` with both counts. */
export type Differences = Record<
  string,
  { readonly direct: Record<string, number>; readonly gateway: Record<string, number> }
>

export function differences(direct: Summary, gateway: Summary): Differences {
  const found: Differences = {}
  for (const scenario of new Set([...Object.keys(direct), ...Object.keys(gateway)])) {
    const [one, other] = [direct[scenario] ?? {}, gateway[scenario] ?? {}]
    for (const check of new Set([...Object.keys(one), ...Object.keys(other)])) {
      const [before, after] = [one[check] ?? {}, other[check] ?? {}]
      const statuses = new Set([...Object.keys(before), ...Object.keys(after)])
      if ([...statuses].some((status) => before[status] !== after[status])) {
        found[`${scenario}:${check}`] = { direct: before, gateway: after }
      }
    }
  }
  return found
}
