import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'

const SUITE = resolve('node_modules/@modelcontextprotocol/conformance/dist/index.js')
const COMMAND = `node ${resolve('conformance/oauth/gateway-as-client.ts')}`
const listed = parse(readFileSync(resolve('conformance/oauth/client-scenarios.yml'), 'utf8')) as {
  scenarios: string[]
  failed: string[]
}[]

function run(scenario: string): Promise<string> {
  const args = [SUITE, 'client', '--command', COMMAND, '--scenario', scenario]
  return new Promise((done) => {
    execFile(process.execPath, args, { timeout: 60_000, killSignal: 'SIGKILL' }, (_error, stdout, stderr) =>
      done(stderr + stdout),
    )
  })
}

for (const { scenarios, failed } of listed) {
  for (const scenario of scenarios) {
    const what = failed.length === 0 ? 'pass' : `fail in ${failed.join(', ')} alone`
    test(`the official suite’s checks of a client ${what}: ${scenario}`, async () => {
      const output = await run(scenario)
      const failures = output.split('Failed Checks:\n')[1]?.split('Warning Checks:')[0] ?? ''
      const names = [...failures.matchAll(/^ {2}- ([^:\n]+):/gm)].map((match) => match[1])
      assert.deepEqual([...new Set(names)], failed, output)
      assert.match(output, failed.length === 0 ? /OVERALL: PASSED/ : /OVERALL: FAILED/)
      // A client that did nothing would fail no check either.
      assert.ok(Number(/Passed: (\d+)\//.exec(output)?.[1]) >= 4, output)
    })
  }
}
