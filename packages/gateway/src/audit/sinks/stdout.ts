import { write as writeFd } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { before } from '../../lib/deadline.ts'
import type { Sink } from '../delivery/sink.ts'
import type { Format } from '../formats/format.ts'

const STDOUT = 1
const FULL_PIPE_MS = 50

type Write = (fd: number, data: Uint8Array) => Promise<{ bytesWritten: number }>

/**
 * One event a line on the standard output, for containers. Not through `process.stdout`: its writes to a pipe block the whole process while
 * nobody reads. A batch counts as taken when the pipe has it; what reads the pipe has to keep it.
 */
export function stdoutSink(format: Format, write: Write = promisify(writeFd) as unknown as Write): Sink {
  /** Of a batch that was given up: its last line has to end before another begins. */
  let unfinished = Buffer.alloc(0)
  let writing: Promise<void> | undefined

  const writeSome = async () => {
    try {
      const { bytesWritten } = await write(STDOUT, unfinished)
      unfinished = unfinished.subarray(bytesWritten)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await sleep(FULL_PIPE_MS, undefined, { ref: false })
    } finally {
      writing = undefined
    }
  }
  const finish = async (signal: AbortSignal) => {
    while (unfinished.length > 0) {
      // One that hangs is waited for again: there is never a second.
      writing ??= writeSome()
      await before(signal, writing)
    }
  }
  return {
    async deliver(batch, signal) {
      await finish(signal)
      unfinished = Buffer.from(batch.map((stored) => `${format.encode(stored)}\n`).join(''))
      await finish(signal)
    },
    async close() {},
  }
}
