import type { PolicyWitness } from '@ostiary/evidence'
import { fromBase64, verifyNote } from '@ostiary/evidence'
import type { Clock } from '../../lib/clock.ts'
import type { OutboundAnswer } from '../../lib/outbound.ts'
import { OutboundFailed, outbound } from '../../lib/outbound.ts'
import type { ProofFrom } from '../signers/signer.ts'
import { formatSubmission, parseSize } from './submission.ts'

const TIMEOUT_MS = 5000
/** A few signatures of the largest kind. */
const MAX_ANSWER = 16 * 1024
const MAX_CLOCK_ERROR_S = 300
const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 15_000

export type Submitted =
  /** The witness's line for the note, verified. */
  | { readonly is: 'cosigned'; readonly line: string }
  /** `contradicts`: it has seen another history than this one, or a longer one. */
  | { readonly is: 'failed'; readonly problem: string; readonly contradicts: boolean }

/** Asks one witness for cosignatures (C2SP tlog-witness). Whatever it answers, nothing counts but a signature of its key that verifies. */
export class WitnessClient {
  readonly witness: PolicyWitness
  readonly #clock: Clock
  readonly #signal: AbortSignal
  /** The size it has cosigned, by its own word. */
  #last = 0
  #asking: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #pause = 0
  #notBefore = 0

  /** @param signal ends what is under way */
  constructor(witness: PolicyWitness, clock: Clock, signal: AbortSignal) {
    this.witness = witness
    this.#clock = clock
    this.#signal = signal
  }

  /** One that is slow has one more question waiting at most; one that failed is left alone for a while, unless somebody waits for it. */
  isReady(urgent: boolean): boolean {
    return this.#waiting < 2 && (urgent || performance.now() >= this.#notBefore)
  }

  /** One at a time. Never rejects, and takes ten seconds at most. `note` is the checkpoint as the log signed it. */
  async submit(note: string, size: number, proofFrom: ProofFrom): Promise<Submitted> {
    this.#waiting++
    const result = this.#asking.then(() => this.#submit(note, size, proofFrom))
    this.#asking = result
    const { is } = await result
    this.#waiting--
    this.#pause = is === 'cosigned' ? 0 : Math.min(2 * this.#pause || FIRST_PAUSE_MS, LAST_PAUSE_MS)
    this.#notBefore = performance.now() + this.#pause
    return await result
  }

  async #submit(note: string, size: number, proofFrom: ProofFrom): Promise<Submitted> {
    try {
      let answer = await this.#post(note, size, proofFrom)
      if (answer.status === 409) {
        const held = parseSize(answer.text.trim())
        if (held === undefined) return failed('its answer is malformed')
        if (held > size)
          return contradiction(
            `it has cosigned ${held} entries, and this log has ${size}: the log was rolled back`,
          )
        this.#last = held
        answer = await this.#post(note, size, proofFrom)
      }
      if (answer.status === 422) return contradiction('it has seen another history of this log than this one')
      if (answer.status !== 200) return failed(`it answered ${answer.status}`)
      const line = await this.#verified(note, answer.text)
      if (typeof line !== 'string') return line
      this.#last = size
      return { is: 'cosigned', line }
    } catch (error) {
      if (error instanceof OutboundFailed) return failed(error.message)
      return failed('the proof for it could not be made')
    }
  }

  async #post(note: string, size: number, proofFrom: ProofFrom): Promise<OutboundAnswer> {
    const old = Math.min(this.#last, size)
    const proof = await proofFrom(old)
    return await outbound({
      url: `${this.witness.url?.replace(/\/$/, '')}/add-checkpoint`,
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8', accept: 'text/plain' },
      body: formatSubmission({ old, proof, checkpoint: note }),
      maxBytes: MAX_ANSWER,
      timeoutMs: TIMEOUT_MS,
      signal: this.#signal,
      origin: 'configured',
    })
  }

  async #verified(note: string, body: string): Promise<string | Submitted> {
    const { key } = this.witness
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
    const opened = await verifyNote(`${text}\n${body}`, [key])
    const time = opened?.signatures.at(-1)?.time
    if (opened?.text !== text || !time) return failed('its cosignature is not by its key')
    if (Math.abs(time - this.#clock.now() / 1000) > MAX_CLOCK_ERROR_S)
      return failed('the time of its cosignature is minutes away from this clock')
    const own = body.split('\n').findLast((line) => {
      const [, name, data = ''] = line.split(' ')
      return (
        name === key.name &&
        Buffer.from(fromBase64(data) ?? [])
          .subarray(0, 4)
          .equals(key.id)
      )
    })
    return `${own}\n`
  }
}

const failed = (problem: string): Submitted => ({ is: 'failed', problem, contradicts: false })
const contradiction = (problem: string): Submitted => ({ is: 'failed', problem, contradicts: true })
