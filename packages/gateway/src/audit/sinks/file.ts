import type { FileHandle } from 'node:fs/promises'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import type { SinkOf } from '../../config/sink-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { syncDir } from '../../lib/sync-dir.ts'
import type { Sink } from '../delivery/sink.ts'
import { SinkFailed } from '../delivery/sink.ts'
import type { Format } from '../formats/format.ts'
import type { StoredEntry } from '../log.ts'

const DAY_MS = 86_400_000
/** Longest line that a crash can have cut: an entry is 64 KiB, and escaping may make six octets of one. */
const LONGEST_LINE = 1 << 20

export interface FileSinkDeps {
  readonly dir: string
  readonly clock: Clock
  /** Tests give one whose operations fail. */
  readonly openHandle?: typeof open
}

interface OpenFile {
  readonly handle: FileHandle
  /** Up to here every line is whole. */
  size: number
  /** On which its newest line was written, or it was begun. */
  day: number
}

/** One event a line in a file of its own, flushed to the disk before a batch counts as taken. */
export function fileSink(
  { path: relative, rotate }: Pick<SinkOf<'file'>, 'path' | 'rotate'>,
  format: Format,
  { dir, clock, openHandle = open }: FileSinkDeps,
): Sink {
  const path = resolve(dir, relative)
  const today = () => Math.floor(clock.now() / DAY_MS)
  let file: OpenFile | undefined
  const openFile = async (first: StoredEntry): Promise<OpenFile> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const handle = await openHandle(path, 'a+', 0o600)
    try {
      const { size, mtimeMs } = await handle.stat()
      const whole = await endOfLastLine(handle, size)
      if (whole > 0 || size === 0) {
        if (whole < size) await handle.truncate(whole)
        if (size === 0) await syncDir(dirname(path))
        return { handle, size: whole, day: size === 0 ? today() : Math.floor(mtimeMs / DAY_MS) }
      }
    } catch (error) {
      await handle.close()
      throw error
    }
    // Not one whole line: perhaps it is somebody else's, so nothing is taken from it.
    await handle.close()
    await setAside(path, first)
    return await openFile(first)
  }
  const close = async () => {
    const { handle } = file ?? {}
    file = undefined
    await handle?.close()
  }
  return {
    async deliver(batch) {
      const first = batch[0] as StoredEntry
      file ??= await openFile(first)
      const isFull = file.size > 0 && file.size >= rotate.megabytes * 1_000_000
      const isOfYesterday = file.size > 0 && rotate.daily && file.day < today()
      if (isFull || isOfYesterday) {
        await close()
        await setAside(path, first)
        file = await openFile(first)
      }
      const lines = Buffer.from(batch.map((stored) => `${format.encode(stored)}\n`).join(''))
      try {
        await write(file.handle, lines, file.size)
        await file.handle.datasync()
        file.size += lines.length
        file.day = today()
      } catch (error) {
        // A line that was cut in the middle is taken away when it is opened again.
        await close().catch(() => {})
        throw error
      }
    },
    close,
  }
}

/** A crash leaves a line that has no end; it was not acknowledged, so it comes again. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const from = Math.max(0, size - LONGEST_LINE)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
  const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a)
  if (end < 0 && from > 0) throw new SinkFailed('the file is not one of lines, so it is left as it is')
  return end < 0 ? from : from + end + 1
}

/** Named after the first entry that is not in it any more. A name is never taken twice. */
async function setAside(path: string, { index }: StoredEntry): Promise<void> {
  const extension = extname(path)
  const stem = path.slice(0, path.length - extension.length)
  for (let n = 0; ; n++) {
    const aside = `${stem}.${String(index).padStart(12, '0')}${n === 0 ? '' : `-${n}`}${extension}`
    try {
      await link(path, aside)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw error
    }
    await unlink(path)
    return await syncDir(dirname(path))
  }
}

async function write(handle: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done)
    done += bytesWritten
  }
}
