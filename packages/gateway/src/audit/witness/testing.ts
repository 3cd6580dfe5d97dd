import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { VerifierKey } from '@ostiary/evidence'
import { parseVkey } from '@ostiary/evidence'
import type { Files } from '../files.ts'
import { diskFiles } from '../files.ts'
import { fileSigner } from '../signers/file.ts'
import type { Signer } from '../signers/signer.ts'
import { GrowingTree, ORIGIN } from '../testing.ts'
import { formatSubmission } from './submission.ts'
import type { WitnessAnswer } from './witness.ts'
import { Witness } from './witness.ts'

export const NOW = 1_700_000_000_000

/** A folder, a log's key in it, and witnesses that watch the log. */
export class WitnessBench implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'ostiary-witness-'))
  readonly signer: Signer = fileSigner(join(this.dir, 'log.key'), ORIGIN)
  now = NOW

  witness(options: { name?: string; files?: Files; logs?: readonly VerifierKey[] } = {}): Witness {
    const {
      name = 'w.example.org/1',
      files = diskFiles,
      logs = [parseVkey(this.signer.vkey) as VerifierKey],
    } = options
    const dir = join(this.dir, name.replaceAll('/', '-'))
    return new Witness({ dir, name, logs, files, clock: { now: () => this.now }, silenceMs: 60_000 })
  }

  /** Submits the head of `size` of a tree, signed by the log's real key, with a proof from `old`. */
  async submit(
    witness: Witness,
    size: number,
    old: number,
    tree = new GrowingTree(),
  ): Promise<WitnessAnswer> {
    const proof = old > size ? [] : await tree.proofTo(size)(old)
    const checkpoint = await this.signer.sign(await tree.head(size), tree.proofTo(size))
    return await witness.add(formatSubmission({ old, proof, checkpoint }))
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Listens on a free port. */
export async function serve(server: Server): Promise<AsyncDisposable & { url: string }> {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
