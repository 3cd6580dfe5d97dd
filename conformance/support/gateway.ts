import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { TaskRequest } from '../../packages/agent/src/index.ts'
import { Agent, enrol } from '../../packages/agent/src/index.ts'
import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'

export const BIN = resolve('packages/gateway/bin/ostiary.js')

/** A gateway in its own process, on a folder of its own. */
export interface GuardedGateway extends AsyncDisposable {
  url: string
  readonly dir: string
  readonly dataDir: string
  /** The operators' interface. */
  control<T = unknown>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<T>
  /** Adds an agent when it is new and enrols an instance of it. @returns its state folder */
  enrol(agent: string): Promise<string>
  /** Approves everything a server offers. */
  approveAll(server: string): Promise<void>
  /** What an MCP client spawns. */
  connectArgs(server: string | undefined, template: string, stateDir: string): string[]
  kill(signal: NodeJS.Signals): Promise<void>
  /** What it wrote to its error output since it was last started: its log. */
  errors(): string
  start(): Promise<void>
}

/** Starts `ostiary up` with this configuration; port 0, one segment for agents and one for servers, a route between them. */
export async function startGuarded(
  config: object,
  env: Readonly<Record<string, string>> = {},
): Promise<GuardedGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-conformance-'))
  const base = {
    version: 1,
    listen: { port: 0 },
    workers: Number(process.env.OSTIARY_TEST_WORKERS ?? 1),
    segments: { agents: { agents: ['*'] }, servers: { servers: ['*'] } },
    routes: [{ from: 'agents', to: 'servers' }],
    // What a test says nothing about stands in no other test's way; flow has suites of its own.
    flow: { mode: 'observe' },
  }
  writeFileSync(join(dir, 'ostiary.yaml'), JSON.stringify({ ...base, ...config }))
  let child: ChildProcess | undefined
  let errors = ''
  const dataDir = join(dir, '.ostiary')
  const gateway: GuardedGateway = {
    url: '',
    dir,
    dataDir,
    control: (method, path, body) => new ControlClient(dataDir).call(method, path, body),
    async enrol(agent) {
      const { agents } = await gateway.control<{ agents: { name: string }[] }>('GET', '/agents')
      if (!agents.some((known) => known.name === agent)) {
        await gateway.control('POST', '/agents', { name: agent, sponsor: 'alice@example.org' })
      }
      const { code } = await gateway.control<{ code: string }>('POST', `/agents/${agent}/enrol`)
      const stateDir = mkdtempSync(join(dir, `${agent}-`))
      await enrol({ gateway: gateway.url, code, stateDir })
      return stateDir
    },
    async approveAll(server) {
      const { problems } = await gateway.control<{ problems: unknown[] }>('POST', '/tools/refresh', {
        server,
      })
      if (problems.length > 0) throw new Error(JSON.stringify(problems))
      await gateway.control('POST', `/tools/${server}/*/approve`, { despite: true })
    },
    connectArgs: (server, template, stateDir) => [
      BIN,
      'connect',
      ...(server === undefined ? [] : [server]),
      '--task',
      template,
      '--state',
      stateDir,
    ],
    errors: () => errors,
    async kill(signal) {
      const running = child
      child = undefined
      if (!running || running.exitCode !== null) return
      const exited = new Promise((done) => running.once('exit', done))
      running.kill(signal)
      await exited
    },
    async start() {
      child = spawn(process.execPath, [BIN, 'up', '--json', '--log-level', 'error'], {
        cwd: dir,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      errors = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        errors += text
      })
      gateway.url = await new Promise<string>((found, failed) => {
        createInterface({ input: child?.stdout as NodeJS.ReadableStream }).once('line', (line) =>
          found(JSON.parse(line).url),
        )
        child?.once('exit', () => failed(new Error(`the gateway did not start: ${errors}`)))
      })
    },
    async [Symbol.asyncDispose]() {
      await gateway.kill('SIGTERM')
      rmSync(dir, { recursive: true, force: true })
    },
  }
  await gateway.start()
  // The port stays the same when it is started again, so that enrolled instances find it.
  const text = readFileSync(join(dir, 'ostiary.yaml'), 'utf8')
  writeFileSync(join(dir, 'ostiary.yaml'), text.replace('"port":0', `"port":${new URL(gateway.url).port}`))
  return gateway
}

/** One enrolled instance with an open task, speaking raw MCP over HTTP. */
export class RawClient implements AsyncDisposable {
  readonly agent: Agent
  readonly task: string
  readonly path: string
  session: string | undefined
  #id = 0

  private constructor(agent: Agent, task: string, path: string) {
    this.agent = agent
    this.task = task
    this.path = path
  }

  static async open(stateDir: string, wanted: string | TaskRequest, path: string): Promise<RawClient> {
    const agent = new Agent({ stateDir })
    const { task } = await agent.openTask(typeof wanted === 'string' ? { template: wanted } : wanted)
    return new RawClient(agent, task.id, path)
  }

  /** For an agent that has its task already. */
  static of(agent: Agent, task: string, path: string): RawClient {
    return new RawClient(agent, task, path)
  }

  async initialize(): Promise<void> {
    const { headers, status } = await this.post({
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
    })
    if (status !== 200) throw new Error(`initialize answered ${status}`)
    this.session = headers['mcp-session-id']
    await this.post({ method: 'notifications/initialized' }, { id: undefined })
  }

  /** Sends a message; `id` is counted up unless given. */
  async post(
    message: object,
    options: { id?: number | undefined; headers?: Record<string, string> } = { id: ++this.#id },
  ): Promise<RawAnswer> {
    const id = 'id' in options ? options.id : ++this.#id
    return await this.send(
      JSON.stringify({ jsonrpc: '2.0', ...(id === undefined ? {} : { id }), ...message }),
      options.headers,
    )
  }

  /** Sends exact bytes with a proof for them. */
  async send(body: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
    const response = await this.agent.request(this.task, this.path, {
      method: 'POST',
      headers: { ...this.baseHeaders(), ...headers },
      body,
    })
    return await readRaw(
      response.statusCode,
      response.headers as Record<string, string>,
      await response.body.text(),
    )
  }

  baseHeaders(): Record<string, string> {
    return {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(this.session === undefined ? {} : { 'mcp-session-id': this.session }),
    }
  }

  call(name: string, args: object = {}): Promise<RawAnswer> {
    return this.post({ method: 'tools/call', params: { name, arguments: args } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]()
  }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely by tests
  readonly json: any
  /** The reason code of a denial, wherever it stands. */
  readonly code: string | undefined
}

export function readRaw(status: number, headers: Record<string, string>, text: string): RawAnswer {
  const data = String(headers['content-type']).startsWith('text/event-stream')
    ? text
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .at(-1)
        ?.slice(6)
    : text
  const json = data ? JSON.parse(data) : undefined
  const decision = json?.result?._meta?.['io.ostiary/decision'] ?? json?.error?.data ?? json?.reason
  return { status, headers, text, json, code: decision?.code }
}
