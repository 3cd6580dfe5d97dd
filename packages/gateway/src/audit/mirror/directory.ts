import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { equalBytes } from '../../lib/bytes.ts'
import { syncDir } from '../../lib/sync-dir.ts'
import type { MirrorStore } from './store.ts'
import { MirrorContradicts, MirrorFailed } from './store.ts'

/** A bundle of the largest entries is below 17 MB; one of bodies may be larger. */
const MAX_FILE = 64 * 1024 * 1024

/**
 * A folder on another disk or machine. It has to be there already: a mount that is missing must not become a copy on the same disk.
 * Files come about by link, which never replaces one, and are read-only.
 */
export function directoryStore(folder: string, name: string): MirrorStore {
  const root = join(folder, name)
  const at = (path: string) => join(root, path)
  /** Where files are written before they get their names. */
  const unfinished = at('unfinished')
  let cleared: Promise<void> | undefined

  /** A durable file without a name in the mirror yet. */
  async function written(data: Uint8Array, mode: number): Promise<string> {
    // What a kill left there goes, once.
    cleared ??= rm(unfinished, { recursive: true, force: true })
    await cleared
    await makeFolders(folder, unfinished)
    const temporary = join(unfinished, randomBytes(8).toString('hex'))
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(data)
      await file.sync()
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw error
    } finally {
      await file.close()
    }
    return temporary
  }

  return {
    place: root,
    async put(path, data, as) {
      await failing(async () => {
        const target = at(path)
        await assertNoLinks(folder, dirname(target))
        await assertNoLinks(folder, unfinished)
        if (as !== 'head' && (await holds(target, data, path))) return
        await makeFolders(folder, dirname(target))
        const temporary = await written(data, as === 'head' ? 0o600 : 0o400)
        if (as === 'head') await rename(temporary, target)
        else if (!(await named(temporary, target)) && !(await holds(target, data, path)))
          throw new MirrorFailed(`${path} came and went`)
        await syncDir(dirname(target))
      })
    },
    get: (path) =>
      failing(async () => {
        // Of a folder that is not mounted it cannot be told what is in it.
        await stat(folder)
        await assertNoLinks(folder, dirname(at(path)))
        return await contentOf(at(path))
      }),
    discard: (path) =>
      failing(async () => {
        await assertNoLinks(folder, dirname(at(path)))
        await rm(at(path), { force: true })
      }),
  }
}

/** Gives the file its name. @returns false when there is one of that name, which stays */
async function named(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      await rm(temporary)
      return false
    }
    if (!NO_LINKS.has(codeOf(error))) throw error
    // Nobody else writes here, and that nothing was there has been seen just now.
    await rename(temporary, target)
    return true
  }
  await rm(temporary)
  return true
}

/** What file systems without links say. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

async function holds(target: string, data: Uint8Array, path: string): Promise<boolean> {
  const found = await contentOf(target)
  if (found === undefined) return false
  if (equalBytes(found, data)) return true
  throw new MirrorContradicts(`it holds another ${path} than the log`)
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, READ)
    const found = await file.stat()
    if (!found.isFile() || found.size > MAX_FILE)
      throw new MirrorContradicts(`${basename(path)} is no file that was put there`)
    return await file.readFile()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Never through a link, and without waiting for what is no file. Windows has neither flag. */
const READ = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/**
 * Whoever owns the other end could put a link in the way: to this very log, which then is its own copy, or to a file that is not to be written.
 * The folder itself is the operator's to choose, and may be one.
 */
async function assertNoLinks(base: string, folder: string): Promise<void> {
  let place = base
  for (const name of relative(base, folder).split(sep)) {
    place = join(place, name)
    const found = await lstat(place).catch((error) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (found === undefined) return
    if (!found.isDirectory()) throw new MirrorContradicts(`${name} is no folder that was made there`)
  }
}

/**
 * Makes the folders of a path below `base`, never `base` itself: it may be gone between two looks. Each new name is durable only when the
 * folder that holds it is.
 */
async function makeFolders(base: string, folder: string): Promise<void> {
  let parent = base
  for (const name of relative(base, folder).split(sep)) {
    const made = join(parent, name)
    try {
      await mkdir(made, { mode: 0o700 })
      await syncDir(parent)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    parent = made
  }
}

async function failing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MirrorContradicts || error instanceof MirrorFailed) throw error
    throw new MirrorFailed(WORDS[codeOf(error)] ?? `it gives the error ${codeOf(error)}`)
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'the folder is not there',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EACCES: 'the folder may not be written',
  ELOOP: 'a link is in the place of a file',
  EROFS: 'the file system is read-only',
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown'
