import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A script of this folder in its own process, which answers one JSON line to each it is sent. */
export class Child implements AsyncDisposable {
  readonly pid: number
  readonly #process: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(process: ChildProcess) {
    this.#process = process
    this.pid = process.pid as number
    this.#lines = createInterface({ input: process.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  }

  static start(script: string, args: readonly string[] = [], flags: readonly string[] = []): Child {
    const file = join(import.meta.dirname, script)
    return new Child(
      spawn(process.execPath, [...flags, file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
  }

  /** The next line it says. */
  async read<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the process ended')
    return JSON.parse(value) as T
  }

  async ask<T>(line: object): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(line)}\n`)
    return await this.read<T>()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return
    const exited = new Promise((done) => this.#process.once('exit', done))
    this.#process.kill('SIGTERM')
    await exited
  }
}
