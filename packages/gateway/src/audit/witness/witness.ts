import type { KeyObject } from 'node:crypto'
import { sign } from 'node:crypto'
import { join } from 'node:path'
import type { VerifierKey } from '@ostiary/evidence'
import { cosignedText, formatVkey, parseCheckpoint, parseVkey, uint64, verifyNote } from '@ostiary/evidence'
import type { Clock } from '../../lib/clock.ts'
import type { Files } from '../files.ts'
import { signatureLine } from '../signers/signer.ts'
import { publicKeyOf, signingKey } from '../signing-key.ts'
import { Heads, originHash } from './heads.ts'
import { parseSubmission } from './submission.ts'

export interface WitnessOptions {
  /** Private folder: `witness.key`, and `logs/` with what was cosigned last. */
  readonly dir: string
  /** Name of its key: no spaces, no `+`. */
  readonly name: string
  /** Keys of the logs it watches; a log may have several. */
  readonly logs: readonly VerifierKey[]
  readonly clock: Clock
  readonly files: Files
  /** A log that has not grown for this long is silent. */
  readonly silenceMs: number
}

export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

/** A witness (C2SP tlog-witness): cosigns a checkpoint only when it extends the last one it cosigned for that log. */
export class Witness {
  readonly vkey: string
  readonly #o: WitnessOptions
  readonly #key: KeyObject
  readonly #self: VerifierKey
  readonly #heads: Heads
  readonly #logs: Map<string, VerifierKey[]>
  /** By origin, when it last grew, epoch milliseconds. */
  readonly #grownAt = new Map<string, number>()

  /** @throws NotPrivate */
  constructor(options: WitnessOptions) {
    this.#o = options
    this.#key = signingKey(join(options.dir, 'witness.key'))
    this.vkey = formatVkey(options.name, publicKeyOf(this.#key), 'cosignature/v1')
    this.#self = parseVkey(this.vkey) as VerifierKey
    this.#heads = new Heads(options.files, join(options.dir, 'logs'))
    this.#logs = Map.groupBy(options.logs, ({ name }) => name)
    for (const origin of this.#logs.keys()) this.#grownAt.set(origin, options.clock.now())
  }

  /** `POST /add-checkpoint`. Rejects when the disk does, and then nothing was cosigned. */
  async add(body: string): Promise<WitnessAnswer> {
    const submission = parseSubmission(body)
    const submitted = submission && parseCheckpoint(submission.checkpoint)
    if (!submission || !submitted) return plain(400, 'the request is malformed')
    const keys = this.#logs.get(submitted.origin)
    if (!keys) return plain(404, 'this log is not known here')
    const opened = await verifyNote(submission.checkpoint, keys)
    // What was signed is read again: only that counts.
    const checkpoint = opened && parseCheckpoint(opened.text)
    if (!checkpoint) return plain(403, 'the checkpoint is not signed by a key of this log')
    if (submission.old > checkpoint.size) return plain(400, 'the old size is beyond the checkpoint')
    const result = await this.#heads.advance(checkpoint, submission, () =>
      this.#cosigned(opened.text, submission.checkpoint),
    )
    if (result.is === 'conflict') return { status: 409, type: 'text/x.tlog.size', body: `${result.size}\n` }
    if (result.is === 'inconsistent') return plain(422, 'the checkpoint is no extension of the last one')
    if (result.grown) this.#grownAt.set(checkpoint.origin, this.#o.clock.now())
    return plain(200, result.note.slice(result.note.lastIndexOf('\u2014 ')), '')
  }

  /** `GET /<hash>/checkpoint`: the last checkpoint of a log, as it was cosigned. */
  latest(hashed: string): Promise<string | undefined> | undefined {
    return [...this.#logs.keys()].some((origin) => originHash(origin) === hashed)
      ? this.#heads.note(hashed)
      : undefined
  }

  /** Logs that have not grown for too long: stopped, cut off, or led past this witness. */
  silent(): string[] {
    const before = this.#o.clock.now() - this.#o.silenceMs
    return [...this.#grownAt].flatMap(([origin, at]) => (at < before ? [origin] : []))
  }

  /** The checkpoint with the signatures of its log, and ours as the last line. */
  #cosigned(text: string, note: string): string {
    const time = Math.floor(this.#o.clock.now() / 1000)
    const signature = Buffer.concat([uint64(time), sign(null, cosignedText(time, text), this.#key)])
    const own = this.#logs.get(parseCheckpoint(text)?.origin ?? '') ?? []
    const lines = note.slice(text.length + 1).split('\n')
    // Lines of keys that are not known here were not verified. One for each key: a stranger may have doubled them until nobody reads the note.
    const verified = own.flatMap((key) => lines.find((line) => isBy(key, line)) ?? [])
    return `${text}\n${verified.map((line) => `${line}\n`).join('')}${signatureLine(this.#self, signature)}`
  }
}

function isBy(key: VerifierKey, line: string): boolean {
  const [, name, data = ''] = line.split(' ')
  return name === key.name && Buffer.from(data, 'base64').subarray(0, 4).equals(key.id)
}

const plain = (status: WitnessAnswer['status'], text: string, end = '\n'): WitnessAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${text}${end}`,
})
