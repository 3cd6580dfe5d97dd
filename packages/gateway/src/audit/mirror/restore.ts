import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ReadFile, VerifierKey } from '@ostiary/evidence'
import { openCheckpoint, parseVkey, WITNESSED_CHECKPOINT } from '@ostiary/evidence'
import type { SignerConfig } from '../../config/signer-schema.ts'
import type { Clock } from '../../lib/clock.ts'
import { syncDir } from '../../lib/sync-dir.ts'
import { diskFiles } from '../files.ts'
import { AuditLog } from '../log.ts'
import { logName } from '../log-name.ts'
import { openSigner } from '../signers/index.ts'
import type { MirrorReport } from './verify.ts'
import { verifyMirror } from './verify.ts'

/** Why a log cannot be restored here; for people, with the next step. */
export class RestoreRefused extends Error {
  override name = 'RestoreRefused'
}

export interface RestoreOptions {
  readonly read: ReadFile
  readonly dataDir: string
  /** Public key of the log, from a source that is trusted. */
  readonly vkey: string
  /**
   * Whether the restored log goes on. What it had signed behind the copy is lost, so whatever it signs now is a second history to whoever
   * has seen that. Otherwise it is closed: it stays as evidence, and a new log under a new key begins, whose first entries name it.
   */
  readonly goesOn: boolean
  /** Who signs the log, by the configuration. */
  readonly signer: SignerConfig
  readonly clock: Clock
}

export interface Restored {
  readonly report: MirrorReport
  /** Folder of the restored log. */
  readonly folder: string
  /** Name of the log that the gateway writes from now on. */
  readonly origin: string
}

/**
 * Brings a log back from its mirror into a data folder that has none. Everything is verified before any of it gets its place; a kill at
 * any time leaves nothing that a gateway would take for a log.
 * @throws RestoreRefused, MirrorFailed
 */
export async function restoreLog(options: RestoreOptions): Promise<Restored> {
  const { read, dataDir, vkey, goesOn, signer, clock } = options
  const key = parseVkey(vkey)
  if (!key) throw new RestoreRefused('The public key is malformed. Write it as in the file vkey of the log.')
  const origin = key.name
  const live = join(dataDir, 'log')
  if (existsSync(live))
    throw new RestoreRefused(`There is a log in ${live}. Move it away first and keep it: it is evidence.`)
  const closed = join(dataDir, 'closed-logs', asFile(origin))
  const folder = goesOn ? live : closed
  if (existsSync(folder)) throw new RestoreRefused(`${folder} is there already.`)
  if (!goesOn && signer !== 'file')
    throw new RestoreRefused(
      'The key of the log is held elsewhere (`audit.signer`), so it cannot be retired from here. Retire it there, take `audit.signer` out of ostiary.yaml until the log is restored, or use --continue.',
    )
  if (goesOn && signer === 'file' && !existsSync(keyOf(dataDir)))
    throw new RestoreRefused(
      `The signing key is not in ${keyOf(dataDir)}, so this log cannot go on. Put it there, or leave --continue out: a new log begins.`,
    )
  const unfinished = join(dataDir, 'log.restoring')
  await rm(unfinished, { recursive: true, force: true })
  const copying: ReadFile = async (path) => {
    const data = await read(path)
    if (data) await diskFiles.put(join(unfinished, path), data)
    return data
  }
  const report = await verifyMirror(copying, { vkey })
  if (!report.ok) {
    await rm(unfinished, { recursive: true, force: true })
    const [problem] = report.problems
    throw new RestoreRefused(`The copy does not verify: ${problem?.detail}. Nothing was restored.`)
  }
  const witnessed = await witnessedIn(read, key)
  if (witnessed && goesOn && witnessed.size > report.size) {
    await rm(unfinished, { recursive: true, force: true })
    throw new RestoreRefused(
      `Witnesses have seen ${witnessed.size} entries and the copy holds ${report.size}: a log that went on from there would contradict them. Leave --continue out: a new log begins.`,
    )
  }
  if (witnessed) await diskFiles.put(join(unfinished, WITNESSED_CHECKPOINT), Buffer.from(witnessed.note))
  await diskFiles.put(join(unfinished, 'vkey'), Buffer.from(`${vkey}\n`))
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
  // First, so that a kill right after leaves no key with which a second log of that name could begin.
  if (!goesOn) await retire(dataDir, origin)
  await rename(unfinished, folder)
  await syncDir(dirname(folder))
  const log = await AuditLog.open({ dir: dataDir, signer: await openSigner(signer, dataDir), clock })
  const { size, root } = report
  await log.append({
    type: 'log.restored',
    actor: { kind: 'gateway' },
    data: { origin, size, root, continues: goesOn },
  })
  await log.close()
  return { report, folder, origin: log.origin }
}

/** The checkpoint in the copy that witnesses cosigned. One that the log never signed is none, and is left behind. */
async function witnessedIn(
  read: ReadFile,
  key: VerifierKey,
): Promise<{ note: string; size: number } | undefined> {
  const data = await read(WITNESSED_CHECKPOINT)
  const note = data && Buffer.from(data).toString('utf8')
  const checkpoint = note === undefined ? undefined : await openCheckpoint(note, key)
  return note === undefined || !checkpoint ? undefined : { note, size: checkpoint.size }
}

const keyOf = (dataDir: string): string => join(dataDir, 'keys', 'log.key')

/** The key and the name of a closed log are put aside, so that nothing is signed with them any more. */
async function retire(dataDir: string, origin: string): Promise<void> {
  const name = join(dataDir, 'log-name')
  if (!existsSync(name) || logName(dataDir) !== origin) return
  if (existsSync(keyOf(dataDir)))
    await rename(keyOf(dataDir), join(dataDir, 'keys', `${asFile(origin)}.closed.key`))
  await rm(name)
}

const asFile = (origin: string): string => origin.replaceAll('/', '_')
