import { hash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Clock } from '../../lib/clock.ts'
import { ImportProblem } from './jsonc.ts'
import { replaceFile, syncFolder } from './replace-file.ts'
import type { Replacement } from './rewrite.ts'
import { rewrite } from './rewrite.ts'

/** What was done to one file; written before it is done. The copy beside it holds the client's secrets. */
const JournalEntry = z.strictObject({
  version: z.literal(1),
  file: z.string(),
  before: z.string(),
  after: z.string(),
  at: z.number(),
})
type JournalEntry = z.output<typeof JournalEntry>

const digest = (bytes: Uint8Array): string => hash('sha256', bytes)
const folderOf = (dataDir: string): string => join(dataDir, 'imports')

/**
 * Rewrites a client's file. A byte-exact copy and a journal entry (both mode 0600, in the data folder) are durable before the file is
 * touched, so {@link undo} works after a crash at any step. A link stays a link; the file behind it is rewritten.
 * @returns true when the file changed
 * @throws ImportProblem when the file is no longer what was planned with
 */
export function apply(options: {
  readonly dataDir: string
  readonly file: string
  /** The text the plan was made from. */
  readonly planned: string
  readonly entries: readonly Replacement[]
  readonly clock: Clock
}): boolean {
  const file = realpathSync(options.file)
  const bytes = readFileSync(file)
  if (!bytes.equals(Buffer.from(options.planned))) {
    throw new ImportProblem(`${options.file} has changed since it was read; start the import again`)
  }
  const after = Buffer.from(rewrite(options.planned, options.entries))
  if (after.equals(bytes)) return false
  const folder = folderOf(options.dataDir)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const at = options.clock.now()
  const id = `${String(at).padStart(15, '0')}-${randomBytes(6).toString('hex')}`
  const entry: JournalEntry = { version: 1, file, before: digest(bytes), after: digest(after), at }
  replaceFile(join(folder, `${id}.backup`), bytes)
  replaceFile(join(folder, `${id}.json`), Buffer.from(`${JSON.stringify(entry)}\n`))
  replaceFile(file, after)
  return true
}

export interface Undone {
  readonly file: string
  /**
   * `restored`: byte for byte as before the import. `untouched`: it was that already. `edited`: someone changed it since, so it was left
   * alone; `forced`: that change was kept in `copy` and the file restored. `damaged`: the copy in the data folder is not intact.
   */
  readonly outcome: 'restored' | 'untouched' | 'edited' | 'forced' | 'damaged'
  readonly copy?: string
}

/** Takes back every import, the newest first. What was taken back is forgotten, its copy with the secrets too. */
export function undo({ dataDir, force = false }: { dataDir: string; force?: boolean }): readonly Undone[] {
  const folder = folderOf(dataDir)
  const done: Undone[] = []
  for (const id of journal(folder).reverse()) {
    const entry = readEntry(join(folder, `${id}.json`))
    const outcome = entry
      ? undoOne(folder, id, entry, force)
      : ({ file: join(folder, id), outcome: 'damaged' } as const)
    done.push(outcome)
    if (outcome.outcome === 'edited' || outcome.outcome === 'damaged') continue
    // The entry goes first: a copy without an entry is never used.
    rmSync(join(folder, `${id}.json`))
    syncFolder(folder)
    rmSync(join(folder, `${id}.backup`))
  }
  forgetOrphans(folder)
  return done
}

/** Copies of imports that were cut off before their entry was written: the file was never touched. */
function forgetOrphans(folder: string): void {
  const ids = new Set(journal(folder))
  for (const name of namesIn(folder)) {
    if (name.endsWith('.backup') && !ids.has(name.slice(0, -7))) rmSync(join(folder, name))
  }
}

function undoOne(folder: string, id: string, entry: JournalEntry, force: boolean): Undone {
  const { file } = entry
  const backup = readIfThere(join(folder, `${id}.backup`))
  if (!backup || digest(backup) !== entry.before) return { file, outcome: 'damaged' }
  const present = readIfThere(file)
  if (present && digest(present) === entry.before) return { file, outcome: 'untouched' }
  if (present && digest(present) === entry.after) {
    replaceFile(file, backup)
    return { file, outcome: 'restored' }
  }
  if (!force) return { file, outcome: 'edited' }
  const copy = join(folder, `${id}.edited`)
  if (present) replaceFile(copy, present)
  replaceFile(file, backup)
  return { file, outcome: 'forced', ...(present ? { copy } : {}) }
}

const journal = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .map((name) => name.slice(0, -5))
    .sort((a, b) => (a < b ? -1 : 1))

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function readEntry(path: string): JournalEntry | undefined {
  try {
    return JournalEntry.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
