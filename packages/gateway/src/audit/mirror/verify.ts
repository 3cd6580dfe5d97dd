import type { LogProblem, LogReport, ReadFile } from '@ostiary/evidence'
import { bodiesPath, entriesPath, parseEntries, TILE_WIDTH, verifyLog } from '@ostiary/evidence'
import { checkBodies } from './bodies.ts'

export interface MirrorReport extends LogReport {
  /** Sealed bodies that entries name and that are not there: lost, or from before the mirror. Proofs do not need them. */
  readonly absentBodies: number
  /** True when there are whole files behind the checkpoint: a copy was interrupted, or somebody put an older checkpoint there. */
  readonly holdsMore: boolean
}

/** Verifies a copy of a log with its sealed bodies, in one pass and without any other copy. Reads each file that a restore needs once. */
export async function verifyMirror(
  read: ReadFile,
  options: { readonly vkey: string; readonly held?: string },
): Promise<MirrorReport> {
  const problems: LogProblem[] = []
  let absentBodies = 0
  let tile = 0
  const report = await verifyLog(async (path) => {
    const data = await read(path)
    const entries = path.startsWith('tile/entries/') && data ? parseEntries(data) : undefined
    if (entries) {
      const { wrong, absent } = checkBodies(entries, await read(bodiesPath(tile, entries.length)))
      absentBodies += absent
      const detail = 'the sealed body is not the one that the entry names'
      if (wrong !== undefined) problems.push({ kind: 'altered', index: tile * TILE_WIDTH + wrong, detail })
      tile++
    }
    return data
  }, options)
  const all = [...report.problems, ...problems]
  const holdsMore = report.ok && (await read(entriesPath(Math.floor(report.size / TILE_WIDTH)))) !== undefined
  return { ...report, ok: all.length === 0, problems: all, absentBodies, holdsMore }
}
