import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { initialConfig } from './defaults.ts'
import { addTemplates } from './edit.ts'
import { ConfigInvalid, loadConfig } from './load.ts'
import { waitingForStart } from './start-only.ts'

const dir = mkdtempSync(join(tmpdir(), 'ostiary-config-'))
after(() => rmSync(dir, { recursive: true, force: true }))
const path = join(dir, 'ostiary.yaml')

const load = (text: string) => {
  writeFileSync(path, text)
  return loadConfig(path)
}

/** Problems with the path of the file taken off. */
const problemsOf = (text: string): string[] => {
  try {
    load(text)
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems.map((line) => line.replace(`${path}:`, ''))
    throw error
  }
  return []
}

test('the file that the first run writes is valid and allows nothing', () => {
  const { config } = load(initialConfig())
  assert.deepEqual([config.servers, config.tasks, config.policies], [{}, {}, []])
  assert.equal(config.listen.host, '127.0.0.1')
})

test('a typo is shown at its line and column with the name that was meant', () => {
  assert.deepEqual(problemsOf('version: 1\nlisten:\n  prot: 80\n'), [
    '3:3  listen.prot: there is no such setting (did you mean `port`?)',
  ])
  assert.deepEqual(problemsOf('version: 1\nsevers: {}\n'), [
    '2:1  severs: there is no such setting (did you mean `servers`?)',
  ])
})

test('every problem is told at once', () => {
  const problems = problemsOf('version: 1\nlisten: { port: 99999 }\ntokens: { lifetime: 5 minutes }\n')
  assert.equal(problems.length, 2)
  assert.match(problems[0] as string, /^2:\d+ {2}listen\.port/)
  assert.match(problems[1] as string, /^3:\d+ {2}tokens\.lifetime/)
})

test('a key that stands twice is refused: which one counts would depend on the reader', () => {
  assert.match(
    problemsOf('version: 1\nlisten: { port: 1 }\nlisten: { port: 2 }\n')[0] as string,
    /^3:1 .*unique/i,
  )
})

test('names must exist where they are used', () => {
  const text = `version: 1
segments: { a: { agents: ['*'], servers: [nowhere] } }
routes: [{ from: a, to: b }]
tasks:
  t: { purpose: p, agents: ['*'], tools: { files/read: {} } }
`
  assert.deepEqual(problemsOf(text), [
    '3:21  routes.0.to: there is no segment `b`',
    '2:43  segments.a.servers.0: there is no server `nowhere`',
    '5:44  tasks.t.tools.files/read: there is no server `files`',
  ])
})

test('one server cannot stand in two segments', () => {
  const text = `version: 1
servers: { files: { url: "http://127.0.0.1:1/mcp" } }
segments:
  a: { servers: [files] }
  b: { servers: [files] }
`
  assert.deepEqual(problemsOf(text), ['5:18  segments.b.servers.0: `files` is in the segment `a` already'])
})

test('a bound token is refused where no proof could go with it', () => {
  const credential = 'credential: { kind: outward-jwt, audience: x, dpop: true }'
  const with_ = (rest: string) => problemsOf(`version: 1\nservers: { ehr: { ${rest}, ${credential} } }\n`)
  const url = 'url: "http://127.0.0.1:1/mcp"'
  assert.doesNotThrow(() => load(`version: 1\nservers: { ehr: { ${url}, ${credential} } }\n`))
  for (const rest of [
    'command: x',
    `${url}, headers: { X-Token: { lease: token } }`,
    `${url}, headers: { Authorization: { env: A } }`,
  ])
    assert.match(with_(rest).join(), /servers\.ehr\.credential\.dpop: a bound token needs/, rest)
})

test('a literal secret is refused, and not repeated in the message', () => {
  const text = `version: 1
servers: { files: { url: "http://127.0.0.1:1/mcp", headers: { authorization: { value: sk-12345678 } } } }
`
  const problems = problemsOf(text)
  assert.ok(problems.length > 0)
  assert.ok(!problems.join().includes('sk-12345678'))
})

test('aliases cannot be used to blow up memory', () => {
  const bomb = ['version: 1', 'a: &a [x,x,x,x,x,x,x,x,x]']
  for (const [i, name] of [...'bcdefghi'].entries()) {
    const before = 'abcdefghi'[i]
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
  }
  assert.throws(() => load(bomb.join('\n')))
})

test('a file that is too large or not there is named', () => {
  assert.match(problemsOf(`# ${'x'.repeat(1_100_000)}`)[0] as string, /larger than 1048576 bytes/)
  assert.throws(() => loadConfig(join(dir, 'none.yaml')), /there is no such file\. Run `ostiary up`/)
  assert.match(problemsOf('version: 1\npolicies: [none.cedar]\n')[0] as string, /none\.cedar cannot be read/)
})

test('the digest covers the policy files', () => {
  writeFileSync(join(dir, 'p.cedar'), 'permit (principal, action, resource);')
  const before = load('version: 1\npolicies: [p.cedar]\n')
  writeFileSync(join(dir, 'p.cedar'), 'forbid (principal, action, resource);')
  assert.notEqual(before.reload().digest, before.digest)
})

test('what was loaded cannot be changed afterwards', () => {
  const { config } = load(initialConfig())
  assert.throws(() => {
    ;(config.listen as { port: number }).port = 1
  }, TypeError)
})

test('rules of other rooms are shown at their place too', () => {
  writeFileSync(path, 'version: 1\nworkers: 2\n')
  assert.throws(
    () => loadConfig(path, [() => [{ path: ['workers'], message: 'too many' }]]),
    /ostiary\.yaml:2:1 {2}workers: too many/,
  )
})

test('adding a template keeps comments and what is there', () => {
  const text = '# mine\nversion: 1\ntasks:\n  own: { purpose: p, agents: [x] } # keep\n'
  const entry = { purpose: 'q', agents: ['*'] }
  const edited = addTemplates(text, { own: entry, more: entry })
  assert.match(edited, /^# mine/)
  assert.match(edited, /# keep/)
  const { tasks } = load(edited).config
  assert.deepEqual([tasks.own?.purpose, tasks.more?.purpose], ['p', 'q'])
})

test('metrics cannot be put where agents come in', () => {
  const at = (place: string) => problemsOf(`version: 1\ntelemetry: { metrics: { listen: "${place}" } }\n`)
  assert.match(at('127.0.0.1:7770').join(), /telemetry\.metrics\.listen: agents come in there/)
  assert.match(at('metrics').join(), /write host:port/)
  assert.deepEqual(at('127.0.0.1:9464'), [])
  assert.deepEqual(at('[::1]:9464'), [])
})

test('settings that wait for the next start are named', () => {
  const before = load('version: 1\n').config
  const next = load('version: 1\nworkers: 3\nlimits: { rate: 5, in_flight: 3 }\n').config
  assert.deepEqual(waitingForStart(before, next), ['workers', 'limits.rate'])
})

test('a provider of models has a name of its own, a place of its own, and grants name what it may be asked for', () => {
  const text = `version: 1
servers: { files: { url: "http://127.0.0.1:1/mcp" } }
models:
  files: { apis: [gemini], url: "http://127.0.0.1:1", models: [m] }
  lab: { apis: [openai-chat], url: "http://127.0.0.1:1", models: [m], key: { lease: token } }
segments: { a: { servers: [lab], models: [nobody] } }
tasks:
  t: { purpose: Test, agents: ["*"], models: [lab, lab/m, lab/other, files2/x] }
`
  assert.deepEqual(
    problemsOf(text).map((problem) => problem.replace(/^[\d:]+ +/, '')),
    [
      'segments.a.servers.0: there is no server `lab`',
      'segments.a.models.0: there is no provider `nobody`',
      'models.files: a server has this name already',
      'models.lab.key: a `lease` needs a `credential` that it is a part of',
      'tasks.t.models.2: it is not under `models.lab.models`',
      'tasks.t.models.3: there is no provider `files2`',
    ],
  )
})

test('two sinks into one file, and a class of records that does not exist, are shown at their place', () => {
  const problems = problemsOf(
    'version: 1\naudit:\n  sinks:\n    a: { to: file, path: log.jsonl }\n    b: { to: file, path: log.jsonl }\ntasks:\n  t: { purpose: p, agents: [x], record_class: billing }\n',
  )
  assert.match(String(problems[0]), /audit\.sinks\.b\.path: the sink `a` writes to this file already/)
  assert.match(String(problems[1]), /tasks\.t\.record_class: there is no class `billing`/)
})
