import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { AwsV4Signer } from 'aws4fetch'

export const KEYS = { accessKeyId: 'ostiary-test', secretAccessKey: 'not-a-secret-1' } as const
export const REGION = 'us-east-1'
export const BUCKET = 'log-mirror'

interface Kind {
  readonly program: string
  readonly versions: readonly string[]
  args(port: number, dir: string): string[]
}

/** Servers of the S3 protocol with object lock, of whatever is installed (.ci/run installs the first). */
const KINDS: Readonly<Record<string, Kind>> = {
  versitygw: {
    program: 'versitygw',
    versions: ['--version'],
    args: (port, dir) => [
      ...['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--versioning-dir', join(dir, 'versions')],
      join(dir, 'buckets'),
    ],
  },
  // Knows no signatures, so whatever is about keys is tried with the other alone.
  moto: {
    program: 'moto_server',
    versions: ['--help'],
    args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
  },
}

export type S3Kind = keyof typeof KINDS

const env = {
  ...process.env,
  PATH: [process.env.PATH, join(process.env.HOME ?? '', 'go', 'bin')].join(delimiter),
  ROOT_ACCESS_KEY: KEYS.accessKeyId,
  ROOT_SECRET_KEY: KEYS.secretAccessKey,
}

export const installedS3 = (): S3Kind[] =>
  Object.entries(KINDS)
    .filter(([, { program, versions }]) => spawnSync(program, versions, { env }).status === 0)
    .map(([name]) => name)

/** A server with one bucket that has object lock. It can be stopped and started again on what it keeps. */
export class S3Server implements AsyncDisposable {
  readonly kind: S3Kind
  readonly port: number
  readonly #dir = mkdtempSync(join(tmpdir(), 'ostiary-s3-'))
  #child: ChildProcess | undefined

  private constructor(kind: S3Kind, port: number) {
    this.kind = kind
    this.port = port
  }

  static async start(kind: S3Kind): Promise<S3Server> {
    const server = new S3Server(kind, await freePort())
    for (const name of ['buckets', 'versions']) mkdirSync(join(server.#dir, name))
    await server.start()
    const { status } = await server.send('PUT', `/${BUCKET}`, { 'x-amz-bucket-object-lock-enabled': 'true' })
    if (status !== 200) throw new Error(`no bucket: ${status}`)
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const { program, args } = KINDS[this.kind] as Kind
    this.#child = spawn(program, args(this.port, this.#dir), { env, stdio: 'ignore' })
    for (let tries = 0; ; tries++) {
      const isUp = await fetch(this.url).then(
        () => true,
        () => false,
      )
      if (isUp) return
      if (tries > 200) throw new Error(`${program} does not answer`)
      await new Promise((tick) => setTimeout(tick, 50))
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#child = undefined
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }

  /** A request of the account's root, who may do everything that the store does not refuse to all. */
  async send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<{ status: number; text: string; version: string | null }> {
    const signer = new AwsV4Signer({
      ...{ url: this.url + path, method, headers, ...KEYS, service: 's3', region: REGION },
      ...(body === undefined ? {} : { body }),
    })
    const signed = await signer.sign()
    const answer = await fetch(signed.url, {
      method,
      headers: signed.headers,
      ...(body === undefined ? {} : { body }),
    })
    return {
      status: answer.status,
      text: await answer.text(),
      version: answer.headers.get('x-amz-version-id'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready))
  const { port } = probe.address() as { port: number }
  await new Promise((done) => probe.close(done))
  return port
}
