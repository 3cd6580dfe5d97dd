import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { VerifierKey } from '@ostiary/evidence'
import { openCheckpoint, parseVkey } from '@ostiary/evidence'
import { GrowingTree } from '../testing.ts'
import type { Signer } from './signer.ts'

/** What every {@link Signer} has to do, wherever its key is. `open` gives one with a key of its own, for the log `log.example.org`. */
export function signerContract(
  name: string,
  open: () => Promise<AsyncDisposable & { signer: Signer }>,
): void {
  describe(`a signer: ${name}`, () => {
    test('what it signs is opened by its key, and says what was asked', async () => {
      await using place = await open()
      const tree = new GrowingTree()
      for (const size of [1, 2, 2, 7, 300]) {
        const head = await tree.head(size)
        const note = await place.signer.sign(head, tree.proofTo(size))
        const opened = await openCheckpoint(note, parseVkey(place.signer.vkey) as VerifierKey)
        assert.equal(opened?.origin, 'log.example.org')
        assert.equal(opened?.size, size)
        assert.deepEqual(Buffer.from(opened?.root ?? []), Buffer.from(head.root))
      }
    })

    test('two heads asked for at once are both signed, or the shorter is refused', async () => {
      await using place = await open()
      const tree = new GrowingTree()
      const results = await Promise.allSettled(
        [3, 5].map(async (size) => place.signer.sign(await tree.head(size), tree.proofTo(size))),
      )
      assert.ok(results.some(({ status }) => status === 'fulfilled'))
    })
  })
}
