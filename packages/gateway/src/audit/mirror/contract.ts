import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Keeping, MirrorStore } from './store.ts'
import { MirrorContradicts } from './store.ts'

interface Opened extends AsyncDisposable {
  readonly store: MirrorStore
}

/** What every mirror store promises (store.ts). `open` gives one that is empty. */
export function mirrorStoreContract(name: string, open: () => Promise<Opened>): void {
  const IMMUTABLE: readonly Keeping[] = ['kept', 'tail']

  test(`${name}: what was put is there byte by byte, and nothing else is`, async () => {
    await using opened = await open()
    const { store } = opened
    const contents = new Map([
      ['checkpoint', Buffer.from('origin\n1\nroot\n')],
      ['tile/0/x001/234', randomBytes(8192)],
      ['tile/0/x001/235.p/17', randomBytes(17 * 32)],
      ['tile/entries/x001/234', randomBytes(3_000_000)],
      ['body/x001/234', Buffer.alloc(0)],
    ])
    for (const [path, data] of contents) {
      assert.equal(await store.get(path), undefined)
      await store.put(path, data, path === 'checkpoint' ? 'head' : path.includes('.p/') ? 'tail' : 'kept')
    }
    for (const [path, data] of contents) assert.deepEqual(await store.get(path), data, path)
    for (const path of ['tile/0/x001', 'tile/0/x001/23', 'tile/0/x001/234/0'])
      assert.equal(await store.get(path).catch(() => undefined), undefined, path)
  })

  test(`${name}: a file that is there is never replaced by another, only found again`, async () => {
    await using opened = await open()
    const { store } = opened
    for (const as of IMMUTABLE) {
      const path = `tile/0/000${as === 'tail' ? '.p/5' : ''}`
      await store.put(path, Buffer.from('first'), as)
      await store.put(path, Buffer.from('first'), as)
      for (const other of ['other', 'firs', '', 'first and more'])
        await assert.rejects(store.put(path, Buffer.from(other), as), MirrorContradicts, other)
      assert.equal(String(await store.get(path)), 'first')
    }
  })

  test(`${name}: of two that put one file at once, one is kept, and the other hears of it`, async () => {
    await using opened = await open()
    const { store } = opened
    for (let round = 0; round < 5; round++) {
      const path = `tile/entries/00${round}`
      const contents = ['one', 'two'].map((text) => Buffer.from(text))
      const results = await Promise.allSettled(contents.map((data) => store.put(path, data, 'kept')))
      const kept = results.filter(({ status }) => status === 'fulfilled')
      assert.equal(kept.length, 1)
      assert.deepEqual(await store.get(path), contents[results.indexOf(kept[0] as (typeof results)[0])])
    }
  })

  test(`${name}: the head is replaced, and what is given up can be put again`, async () => {
    await using opened = await open()
    const { store } = opened
    for (const note of ['one', 'two', 'three']) await store.put('checkpoint', Buffer.from(note), 'head')
    assert.equal(String(await store.get('checkpoint')), 'three')
    await store.put('tile/0/000.p/5', Buffer.from('tail'), 'tail')
    await store.discard('tile/0/000.p/5')
    await store.discard('tile/0/000.p/5')
    assert.equal(await store.get('tile/0/000.p/5'), undefined)
    await store.put('tile/0/000.p/5', Buffer.from('tail'), 'tail')
    assert.equal(String(await store.get('tile/0/000.p/5')), 'tail')
  })
}
