import { formatCheckpoint, openCheckpoint, parseVkey } from '@ostiary/evidence'
import { Client } from 'undici'
import { formatSubmission, parseSize } from '../witness/submission.ts'
import type { ProofFrom, Signer, TreeHead } from './signer.ts'
import { SigningFailed } from './signer.ts'

const TIMEOUT_MS = 5000
const MAX_ANSWER = 8192

/** Asks the process that holds the key, `ostiary signer`, over its socket. @throws SigningFailed when it cannot be reached */
export async function socketSigner(socketPath: string): Promise<Signer> {
  const client = new Client('http://signer', { socketPath, maxResponseSize: MAX_ANSWER })
  const ask = async (method: 'GET' | 'POST', path: string, body?: string) => {
    try {
      const answer = await client.request({
        method,
        path,
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return { status: answer.statusCode, text: await answer.body.text() }
    } catch {
      throw new SigningFailed(
        `the signer at ${socketPath} does not answer. Start \`ostiary signer\`, and see that this account may open its socket.`,
      )
    }
  }
  const vkey = (await ask('GET', '/vkey')).text.trim()
  const key = parseVkey(vkey)
  if (key?.kind !== 'ed25519')
    throw new SigningFailed(`the signer at ${socketPath} has no key of a log. Is it an \`ostiary signer\`?`)
  /** What it signed last; it says so itself when this is wrong. */
  let last = 0
  const attempt = async (text: string, size: number, proofFrom: ProofFrom) => {
    if (last > size) {
      const claimed = last
      // The next attempt asks anew.
      last = 0
      throw new SigningFailed(
        `the signer has signed a longer log than this one: ${claimed} entries, here ${size}. The log was rolled back: restore the newest copy.`,
      )
    }
    const proof = await proofFrom(last)
    return await ask('POST', '/sign', formatSubmission({ old: last, proof, checkpoint: text }))
  }
  return {
    vkey,
    async sign(head: TreeHead, proofFrom) {
      const text = formatCheckpoint({ origin: key.name, ...head })
      let answer = await attempt(text, head.size, proofFrom)
      if (answer.status === 409) {
        const size = parseSize(answer.text.trim())
        if (size === undefined) throw new SigningFailed(`the signer at ${socketPath} answered nonsense.`)
        last = size
        answer = await attempt(text, head.size, proofFrom)
      }
      if (answer.status === 422)
        throw new SigningFailed(
          'the signer has signed another history than this one. Keep the folder as evidence.',
        )
      if (answer.status !== 200 || !(await openCheckpoint(answer.text, key)))
        throw new SigningFailed(`the signer at ${socketPath} did not sign (${answer.status}).`)
      last = head.size
      return answer.text
    },
  }
}
