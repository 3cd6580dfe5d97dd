import { hash } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import type { S3MirrorConfig } from '../../config/mirror-schema.ts'
import { durationMs } from '../../config/schema.ts'
import { equalBytes } from '../../lib/bytes.ts'
import type { Clock } from '../../lib/clock.ts'
import type { OutboundAnswer } from '../../lib/outbound.ts'
import { OutboundFailed, outbound } from '../../lib/outbound.ts'
import type { Keeping, MirrorStore } from './store.ts'
import { MirrorContradicts, MirrorFailed } from './store.ts'

/** A bundle of the largest entries is below 17 MB; one of bodies may be larger. */
const MAX_OBJECT = 64 * 1024 * 1024

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

interface S3Deps {
  readonly config: S3MirrorConfig
  /** Name of the log: its folder in the bucket. */
  readonly name: string
  readonly clock: Clock
  /** Asked for each request, so that what was rotated is taken into use. */
  credentials(): Promise<S3Credentials>
}

/**
 * A bucket of Amazon S3 or of anything that speaks its protocol (API version 2006-03-01). What is kept is locked in compliance mode:
 * not even the account's root can remove that version before its time. `If-None-Match: *` has the server refuse to put another in front.
 */
export function s3Store({ config, name, clock, credentials }: S3Deps): MirrorStore {
  const prefix = [config.prefix, name].filter(Boolean).join('/')
  const { lock } = config

  async function send(
    method: 'GET' | 'PUT' | 'DELETE',
    path: string,
    body: Uint8Array = new Uint8Array(),
    headers: Readonly<Record<string, string>> = {},
  ): Promise<OutboundAnswer> {
    const url = addressOf(config, `${prefix}/${path}`)
    const signer = new AwsV4Signer({
      url,
      method,
      headers: { ...headers, 'x-amz-content-sha256': hash('sha256', body, 'hex') },
      ...(await credentials()),
      service: 's3',
      region: config.region,
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    })
    const { headers: signed } = await signer.sign()
    try {
      return await outbound({
        url,
        method,
        headers: Object.fromEntries(signed),
        ...(method === 'PUT' ? { body } : {}),
        origin: 'configured',
        maxBytes: MAX_OBJECT,
        timeoutMs: durationMs(config.timeout),
      })
    } catch (error) {
      if (error instanceof OutboundFailed) throw new MirrorFailed(error.message)
      throw error
    }
  }

  async function get(path: string): Promise<Buffer | undefined> {
    const answer = await send('GET', path)
    if (answer.status === 200) return Buffer.from(answer.bytes)
    if (answer.status === 404 && codeIn(answer) === 'NoSuchKey') return undefined
    throw refused(answer)
  }

  /** Also a server that does not say what it has stored has to show it. */
  async function arrived(path: string, data: Uint8Array): Promise<void> {
    const found = await get(path)
    if (!found || !equalBytes(found, data)) throw new MirrorFailed(`it did not keep ${path} as it was sent`)
  }

  const lockHeaders = (as: Keeping) =>
    lock === false
      ? {}
      : {
          'x-amz-object-lock-mode': 'COMPLIANCE',
          'x-amz-object-lock-retain-until-date': new Date(
            clock.now() + durationMs(as === 'kept' ? lock.retain : lock.tail),
          ).toISOString(),
        }

  return {
    place: `s3://${config.bucket}/${prefix}`,
    get,
    async put(path, data, as) {
      const sum = hash('sha256', data, 'base64')
      const headers = {
        'x-amz-checksum-sha256': sum,
        'x-amz-sdk-checksum-algorithm': 'SHA256',
        ...lockHeaders(as),
      }
      let answer = await send(
        'PUT',
        path,
        data,
        as === 'head' ? headers : { ...headers, 'if-none-match': '*' },
      )
      if (answer.status === 412) {
        const found = await get(path)
        if (found && equalBytes(found, data)) return
        if (found) throw new MirrorContradicts(`it holds another ${path} than the log`)
        // Some servers count a marker of deletion as an object. A new version in a locked bucket removes nothing.
        if (lock !== false) answer = await send('PUT', path, data, headers)
      }
      if (answer.status !== 200) throw refused(answer)
      if (answer.headers['x-amz-checksum-sha256'] !== sum) await arrived(path, data)
    },
    async discard(path) {
      const answer = await send('DELETE', path)
      if (answer.status !== 204 && answer.status !== 404) throw refused(answer)
    },
  }
}

/** Bucket in the path (as most other servers want it) or in the host name (as Amazon does). */
function addressOf({ endpoint, bucket, region }: S3MirrorConfig, key: string): string {
  return endpoint === undefined
    ? `https://${bucket}.s3.${region}.amazonaws.com/${key}`
    : `${endpoint.replace(/\/$/, '').replace('{bucket}', bucket)}/${endpoint.includes('{bucket}') ? '' : `${bucket}/`}${key}`
}

/** The error code of an S3 answer; nothing else of what it says is passed on. */
const codeIn = ({ text }: OutboundAnswer): string => /<Code>([A-Za-z]{1,60})<\/Code>/.exec(text)?.[1] ?? ''

const WORDS: Readonly<Record<string, string>> = {
  AccessDenied:
    'it denies access: the credentials need s3:GetObject, PutObject, PutObjectRetention and DeleteObject',
  InvalidAccessKeyId: 'it does not know the access key',
  SignatureDoesNotMatch: 'it refuses the signature: check the secret key and the region',
  RequestTimeTooSkewed: 'its clock and this one differ by too much: set this machine’s time',
  NoSuchBucket: 'there is no such bucket',
  InvalidRequest: 'it refuses to lock: the bucket has to be created with object lock, or write `lock: false`',
  SlowDown: 'it asks to slow down',
  BadDigest: 'what arrived was not what was sent',
  XAmzContentSHA256Mismatch: 'what arrived was not what was sent',
}

function refused(answer: OutboundAnswer): MirrorFailed {
  const code = codeIn(answer)
  return new MirrorFailed(WORDS[code] ?? `it answered ${answer.status}${code === '' ? '' : ` ${code}`}`)
}
