import { entriesPath, TILE_WIDTH, tilePath } from '@ostiary/evidence'

/** A file of the log that others may read (C2SP tlog-tiles), by its path below the log's prefix. */
export interface LogFile {
  readonly path: string
  readonly kind: 'checkpoint' | 'hashes' | 'entries'
}

/** Undefined when the path names no such file. What comes back is written anew from its numbers, so it leads nowhere else. */
export function logFile(path: string): LogFile | undefined {
  if (path === 'checkpoint') return { path, kind: 'checkpoint' }
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  if (!match) return undefined
  const [, level = '', groups = '', partial] = match
  const index = Number(groups.replace(/[x/]/g, ''))
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  if (partial !== undefined && (width < 1 || width >= TILE_WIDTH)) return undefined
  const canonical = level === 'entries' ? entriesPath(index, width) : tilePath(Number(level), index, width)
  if (canonical !== path || Number(level) > 63) return undefined
  return { path: canonical, kind: level === 'entries' ? 'entries' : 'hashes' }
}
