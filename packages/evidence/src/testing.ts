import type { KeyObject } from 'node:crypto'
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { parseCheckpoint } from './checkpoint.ts'
import { cosignedText, cosignedTree, uint64 } from './cosignature.ts'
import type { KeyKind, VerifierKey } from './vkey.ts'
import { formatVkey, parseVkey } from './vkey.ts'

/** Somebody with a key, who signs lines of notes by the platform's cryptography and not by ours. */
export class TestSigner {
  readonly name: string
  readonly vkey: string
  readonly parsed: VerifierKey
  readonly #key: KeyObject

  constructor(name: string, kind: KeyKind = 'ed25519') {
    this.name = name
    this.#key =
      kind === 'ml-dsa-44'
        ? generateKeyPairSync('ml-dsa-44').privateKey
        : generateKeyPairSync('ed25519').privateKey
    const { x, pub } = createPublicKey(this.#key).export({ format: 'jwk' }) as { x?: string; pub?: string }
    this.vkey = formatVkey(name, Buffer.from((x ?? pub) as string, 'base64url'), kind)
    this.parsed = parseVkey(this.vkey) as VerifierKey
  }

  /** A signature line; `time` in POSIX seconds for kinds that have one. */
  line(text: string, time = 1_700_000_000): string {
    return `\u2014 ${this.name} ${Buffer.concat([this.parsed.id, this.#signature(text, time)]).toString('base64')}\n`
  }

  #signature(text: string, time: number): Buffer {
    if (this.parsed.kind === 'ed25519') return sign(null, Buffer.from(text), this.#key)
    const tree = parseCheckpoint(text)
    const message =
      this.parsed.kind === 'cosignature/v1'
        ? cosignedText(time, text)
        : tree && cosignedTree(this.name, time, tree)
    return Buffer.concat([uint64(time), sign(null, message ?? Buffer.alloc(0), this.#key)])
  }
}
