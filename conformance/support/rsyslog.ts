import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Authority } from './certificates.ts'

/** Why tests with it are skipped; false when it is here. */
export const noRsyslog =
  spawnSync('rsyslogd', ['-v']).status === 0 ? false : 'rsyslogd with rsyslog-openssl is not installed'

interface Options {
  readonly authority: Authority
  /** `x509/certvalid`: it wants a certificate of the same authority. */
  readonly mode: 'anon' | 'x509/certvalid'
}

/** A real syslog daemon that takes messages over TLS and writes what it understood of each. */
export class Rsyslog implements AsyncDisposable {
  readonly port: number
  readonly #dir: string
  #daemon: ChildProcess | undefined

  private constructor(dir: string, port: number) {
    this.#dir = dir
    this.port = port
  }

  static async start({ authority, mode }: Options): Promise<Rsyslog> {
    const dir = mkdtempSync(join(tmpdir(), 'ostiary-rsyslog-'))
    const { cert, key } = await authority.issue({ usage: 'server' })
    writeFileSync(join(dir, 'ca.pem'), authority.cert)
    writeFileSync(join(dir, 'cert.pem'), cert)
    writeFileSync(join(dir, 'key.pem'), key)
    const port = await freePort()
    writeFileSync(join(dir, 'rsyslog.conf'), configuration(dir, port, mode))
    const receiver = new Rsyslog(dir, port)
    await receiver.run()
    return receiver
  }

  async run(): Promise<void> {
    const files = ['-f', join(this.#dir, 'rsyslog.conf'), '-i', join(this.#dir, 'pid')]
    const daemon = spawn('rsyslogd', ['-n', ...files], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    daemon.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    this.#daemon = daemon
    const end = performance.now() + 20_000
    while (!isListening(this.port)) {
      if (performance.now() > end || daemon.exitCode !== null)
        throw new Error(`rsyslogd did not start: ${said}`)
      await new Promise((tick) => setTimeout(tick, 50))
    }
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    if (!daemon || daemon.exitCode !== null) return
    daemon.kill('SIGTERM')
    await once(daemon, 'exit')
  }

  /** What it wrote, one object for each message. */
  read(): Record<string, string>[] {
    const path = join(this.#dir, 'out')
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
    return lines.map((line) => JSON.parse(line) as Record<string, string>)
  }

  /** The same, when there are so many at last; fewer after a while. */
  async until(count: number): Promise<Record<string, string>[]> {
    const end = performance.now() + 20_000
    while (this.read().length < count && performance.now() < end)
      await new Promise((tick) => setTimeout(tick, 20))
    return this.read()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

const configuration = (dir: string, port: number, mode: Options['mode']): string => `
global(workDirectory="${dir}" defaultNetstreamDriver="ossl" maxMessageSize="8k"
       defaultNetstreamDriverCAFile="${dir}/ca.pem"
       defaultNetstreamDriverCertFile="${dir}/cert.pem" defaultNetstreamDriverKeyFile="${dir}/key.pem")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="${mode}")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="json" type="list" option.jsonf="on") {
  property(outname="id" name="$!rfc5424-sd!ostiary@32473!id" format="jsonf")
  property(outname="type" name="msgid" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
module(load="mmpstrucdata")
action(type="mmpstrucdata")
action(type="omfile" file="${dir}/out" template="json" asyncWriting="off")
`

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((ready) => probe.listen(0, '127.0.0.1', ready))
  const { port } = probe.address() as { port: number }
  await new Promise((done) => probe.close(done))
  return port
}

/** Not by connecting: that would be a message to it. */
const isListening = (port: number): boolean =>
  readFileSync('/proc/net/tcp', 'utf8').includes(
    `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`,
  )
