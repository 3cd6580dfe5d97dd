import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Policy } from '../../packages/evidence/src/index.ts'
import { parsePolicy } from '../../packages/evidence/src/index.ts'
import type { GuardedGateway } from './gateway.ts'
import { BIN, startGuarded } from './gateway.ts'

/** `ostiary witness`, or another command that says in one line of JSON that it is up, in its own process. */
export class Service implements AsyncDisposable {
  /** What it said when it was up. */
  said: Record<string, string> = {}
  readonly #args: readonly string[]
  #child: ChildProcess | undefined
  #errors = ''

  constructor(args: readonly string[]) {
    this.#args = args
  }

  get errors(): string {
    return this.#errors
  }

  async start(): Promise<this> {
    const child = spawn(process.execPath, [BIN, '--json', ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    this.said = await new Promise((found, failed) => {
      createInterface({ input: child.stdout }).once('line', (line) => found(JSON.parse(line)))
      child.once('exit', () => failed(new Error(`it did not start: ${this.#errors}`)))
    })
    return this
  }

  /** Sends a signal and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null) return
    const exited = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGTERM')
  }
}

export interface WitnessedGateway extends AsyncDisposable {
  readonly gateway: GuardedGateway
  readonly witnesses: readonly Service[]
  /** Policy file of the gateway, which also names its log. */
  readonly policyPath: string
  readonly policy: Policy
  readonly vkey: string
}

/** A gateway with witnesses of its log, each in a process and folder of its own. `audit` is for that section of its configuration. */
export async function startWitnessed(
  config: object,
  options: { count: number; quorum: string; audit?: object; args?: readonly string[] },
): Promise<WitnessedGateway> {
  await using stack = new AsyncDisposableStack()
  const gateway = stack.use(await startGuarded(config))
  const { vkey } = await gateway.control<{ vkey: string }>('GET', '/audit')
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-witnesses-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const witnesses: Service[] = []
  for (let n = 1; n <= options.count; n++) {
    const name = `w.example.org/${n}`
    const place = ['--state', join(folder, `${n}`), '--listen', `127.0.0.1:${await freePort()}`]
    witnesses.push(
      stack.use(new Service(['witness', '--name', name, '--log', vkey, ...place, ...(options.args ?? [])])),
    )
  }
  await Promise.all(witnesses.map((witness) => witness.start()))
  const names = witnesses.map((_, i) => `w${i + 1}`)
  const text = [
    `log ${vkey}`,
    ...witnesses.map(({ said }, i) => `witness ${names[i]} ${said.vkey} ${said.url}`),
    `group all-of-us ${options.quorum} ${names.join(' ')}`,
    'quorum all-of-us\n',
  ].join('\n')
  const parsed = parsePolicy(text)
  if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed))
  const policyPath = join(gateway.dir, 'witnesses.policy')
  writeFileSync(policyPath, text)
  const configPath = join(gateway.dir, 'ostiary.yaml')
  const written = JSON.parse(readFileSync(configPath, 'utf8'))
  writeFileSync(
    configPath,
    JSON.stringify({ ...written, audit: { witnesses: 'witnesses.policy', ...options.audit } }),
  )
  await gateway.kill('SIGTERM')
  await gateway.start()
  const running = stack.move()
  return {
    gateway,
    witnesses,
    policyPath,
    policy: parsed.policy,
    vkey,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

interface AuditView {
  readonly size: number
  readonly level: { readonly name: string; readonly witnessedSize: number }
}

/** Waits until witnesses have seen everything, and the files of the log say so. @returns the number of entries */
export const untilWitnessed = ({ gateway, witnesses }: WitnessedGateway): Promise<number> =>
  eventually(async () => {
    const { size, level } = await gateway.control<AuditView>('GET', '/audit')
    if (level.witnessedSize !== size || level.name !== `witnessed(${witnesses.length})`) return undefined
    const onDisk = ['checkpoint', 'checkpoint.witnessed'].map(
      (name) => readFileSync(join(gateway.dataDir, 'log', name), 'utf8').split('\n')[1],
    )
    return onDisk.every((line) => line === String(size)) ? size : undefined
  })

/** A port that was free a moment ago, so that whoever listens there finds the same one after a restart. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready))
  const { port } = probe.address() as AddressInfo
  await new Promise((closed) => probe.close(closed))
  return port
}

/** Waits for something that is on its way, without a fixed time. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not come')
}
