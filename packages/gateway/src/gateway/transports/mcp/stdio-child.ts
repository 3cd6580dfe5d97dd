import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

export interface ChildEvents {
  line(text: string): void
  /** Once, however the child ended. `detail` names no argument and no environment value; the code is null where a signal ended it. */
  exit(detail: string, code: number | null): void
  stderr(text: string): void
}

const GRACE_MS = 2000
const MAX_PENDING_WRITE = 16 * 1024 * 1024

/** One stdio MCP server process in its own process group, so that whatever it spawned ends with it. */
export class StdioChild {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>
  #exited = false
  /** True once the gateway itself asked it to end. */
  stopped = false

  constructor(launch: Launch, maxLine: number, events: ChildEvents) {
    this.#process = spawn(launch.command, launch.args, {
      cwd: launch.cwd,
      env: { ...launch.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    const exited = (detail: string, code: number | null) => {
      if (this.#exited) return
      this.#exited = true
      // Whatever the child spawned in its group goes too.
      this.#signal('SIGKILL')
      events.exit(detail, code)
    }
    this.#process.on('error', (error: NodeJS.ErrnoException) => {
      exited(error.code === 'ENOENT' ? 'its program was not found' : 'its program could not be started', null)
    })
    this.#process.on('exit', (code, signal) => {
      exited(signal ? `it was ended by ${signal}` : `it exited with code ${code}`, code)
    })
    this.#process.stdin.on('error', () => {})
    readLines(this.#process.stdout, maxLine, events.line, () => {
      exited('it sent a message that is too large', null)
    })
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => events.stderr(text.slice(0, 4096)))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** False when the child does not read what it is sent. */
  write(line: string): boolean {
    if (this.#exited || this.#process.stdin.writableLength > MAX_PENDING_WRITE) return false
    this.#process.stdin.write(`${line}\n`)
    return true
  }

  /** SIGTERM to the group, SIGKILL two seconds later. */
  stop(): void {
    if (this.#exited) return
    this.stopped = true
    this.#process.stdin.end()
    this.#signal('SIGTERM')
    setTimeout(() => this.#signal('SIGKILL'), GRACE_MS).unref()
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process
    if (pid === undefined) return
    try {
      if (process.platform === 'win32') this.#process.kill(signal)
      else process.kill(-pid, signal)
    } catch {
      // The group is gone already.
    }
  }
}

function readLines(stream: Readable, max: number, onLine: (text: string) => void, tooLong: () => void): void {
  const decoder = new StringDecoder('utf8')
  let parts: string[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    const text = decoder.write(chunk)
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const line = [...parts, text.slice(start, end)].join('').trim()
      parts = []
      size = 0
      start = end + 1
      if (line !== '') onLine(line)
    }
    const rest = text.slice(start)
    size += rest.length
    if (size > max) {
      stream.destroy()
      tooLong()
    } else if (rest !== '') parts.push(rest)
  })
}
