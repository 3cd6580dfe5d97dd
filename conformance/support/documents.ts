import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

/** One block of a document that is run: ```sh run, ```sh run exit=5, ```sh run background. */
export interface Block {
  readonly script: string
  readonly line: number
  readonly exit: number
  /** Goes on running; done when everything expected has been printed. */
  readonly background: boolean
  /** Lines of the ```text expect block that follows; `…` stands for anything. */
  readonly expected: readonly string[]
}

/** The blocks marked `sh run`, in order, each with the `text expect` block before the next one. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = []
  for (const match of markdown.matchAll(/^```(sh run|text expect)([^\n]*)\n(.*?)^```$/gms)) {
    const [, kind, options = '', body = ''] = match
    if (kind === 'sh run') {
      blocks.push({
        script: body,
        line: markdown.slice(0, match.index).split('\n').length,
        exit: Number(/exit=(\d+)/.exec(options)?.[1] ?? 0),
        background: options.includes('background'),
        expected: [],
      })
    } else {
      const last = blocks.pop()
      if (!last) throw new Error('output is expected before anything was run')
      blocks.push({ ...last, expected: [...last.expected, ...body.trim().split('\n')] })
    }
  }
  return blocks
}

/** What was expected and is not in the output. */
export const missingIn = (output: string, expected: readonly string[]): readonly string[] =>
  expected.filter((line) => !new RegExp(line.trim().split('…').map(literal).join('[^\n]*')).test(output))

const literal = (text: string): string => text.trim().replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** A reader who does what a document says, in an empty folder, with the commands of this clone on the path and a home of their own. */
export class Reader implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'ostiary-reader-'))
  readonly #running: ChildProcess[] = []

  /** @throws when the block does something else than the document says */
  async do(block: Block): Promise<void> {
    let output = ''
    const child = spawn('sh', ['-e', '-c', block.script], {
      cwd: this.#dir,
      env: {
        ...process.env,
        PATH: `${resolve('node_modules/.bin')}${delimiter}${process.env.PATH}`,
        HOME: this.#dir,
        XDG_CONFIG_HOME: this.#dir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const { promise, resolve: done } = Promise.withResolvers<string | undefined>()
    const look = (text: string) => {
      output += text
      if (block.background && missingIn(output, block.expected).length === 0) done(undefined)
    }
    child.stdout.setEncoding('utf8').on('data', look)
    child.stderr.setEncoding('utf8').on('data', look)
    child.once('close', (status) =>
      done(block.background || status !== block.exit ? `it ended with ${status}` : undefined),
    )
    if (block.background) this.#running.push(child)
    const problem = await promise
    const missing = missingIn(output, block.expected)
    if (problem !== undefined || missing.length > 0) {
      throw new Error(
        `line ${block.line}: ${problem ?? `it did not print ${missing.join(' | ')}`}\n${block.script}\n${output}`,
      )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.pid === undefined) continue
      const ended = new Promise((resolved) => child.once('close', resolved))
      process.kill(-child.pid, 'SIGTERM')
      await ended
    }
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** The port that the system gives, or the one asked for; undefined when it is taken. */
export async function freePort(wanted = 0): Promise<number | undefined> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  server.once('error', () => resolve(undefined))
  server.listen(wanted, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  const port = await promise
  await new Promise((closed) => server.close(closed))
  return port
}

/** Does what a document says, from the first block to the last. */
export async function follow(markdown: string, atLeast: number): Promise<void> {
  const blocks = blocksOf(markdown)
  if (blocks.length < atLeast) throw new Error(`only ${blocks.length} blocks are marked as run`)
  await using reader = new Reader()
  for (const block of blocks) await reader.do(block)
}
