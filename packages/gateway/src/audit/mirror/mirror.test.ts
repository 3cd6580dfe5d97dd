import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openCheckpoint, parseVkey, verifyLog } from '@ostiary/evidence'
import type { Recorder } from '../../model/evidence.ts'
import type { SignedHead } from '../checkpoints.ts'
import { diskFiles } from '../files.ts'
import type { AuditLog } from '../log.ts'
import { event, LogBench, MemoryDisk } from '../testing.ts'
import { directoryStore } from './directory.ts'
import { LogMirror } from './mirror.ts'
import type { MirrorStore } from './store.ts'
import { MirrorFailed } from './store.ts'

/** A log in memory with its mirror in a folder. */
class MirrorBench implements Disposable {
  readonly bench = new LogBench()
  readonly folder = mkdtempSync(join(tmpdir(), 'ostiary-mirror-'))
  readonly disk = new MemoryDisk()
  readonly told: string[] = []
  now = 1_000
  readonly #directory = directoryStore(this.folder, 'log')
  /** Stands between the mirror and the folder. */
  store: MirrorStore = this.#directory
  log!: AuditLog

  static async open(): Promise<MirrorBench> {
    const made = new MirrorBench()
    made.log = await made.bench.open(made.disk)
    return made
  }

  /** As after a start of the gateway: it knows what is on the disks. */
  mirror(): LogMirror {
    const { log, disk: files } = this
    const get = () => this.store
    return new LogMirror({
      log,
      recorder: log as Recorder,
      files,
      dir: this.bench.path(''),
      placeFile: join(this.bench.dir, 'mirror.json'),
      clock: { now: () => this.now },
      store: {
        place: 'the folder',
        put: (...args) => get().put(...args),
        get: (path) => get().get(path),
        discard: (path) => get().discard(path),
      },
      onProblem: (problem) => this.told.push(problem),
    })
  }

  async append(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, n) => this.log.append(event(n))))
  }

  /** Every promise of the mirror about its present size, checked by the independent verifier. */
  async verified(): Promise<number> {
    const report = await verifyLog((path) => this.#directory.get(path), { vkey: this.log.vkey })
    assert.deepEqual(report.problems, [])
    return report.size
  }

  path(name: string): string {
    return join(this.folder, 'log', name)
  }

  restore(): void {
    this.store = this.#directory
  }

  [Symbol.dispose](): void {
    this.bench[Symbol.dispose]()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

test('a mirror verifies by itself at every size, over full tiles and across starts', async () => {
  using b = await MirrorBench.open()
  let mirror = b.mirror()
  for (const [n, more] of [1, 1, 253, 1, 1, 300, 4096, 5, 700].entries()) {
    await b.append(more)
    await mirror.round()
    assert.deepEqual(b.told, [])
    assert.equal(mirror.size, b.log.size)
    assert.equal(await b.verified(), b.log.size)
    if (n % 2 === 1) mirror = b.mirror()
  }
  const partial = readdirSync(b.path('tile/entries')).filter((name) => name.endsWith('.p'))
  assert.ok(partial.flatMap((name) => readdirSync(b.path(`tile/entries/${name}`))).length <= 3)
})

test('everything recorded before the time that the mirror names is in it', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  assert.equal(mirror.currentAt, undefined)
  await b.append(10)
  await mirror.round()
  assert.equal(mirror.currentAt, 1_000)
  b.now = 2_000
  b.store = { ...b.store, put: () => Promise.reject(new MirrorFailed('the disk is full')) }
  await b.append(1)
  await mirror.round()
  assert.deepEqual([mirror.currentAt, mirror.size, b.log.size > mirror.size], [1_000, 11, true])
  assert.equal(mirror.status().problem, 'the disk is full')
  assert.equal(mirror.lag, 1)
  b.restore()
  b.now = 3_000
  await mirror.round()
  assert.deepEqual([mirror.currentAt, mirror.status().state], [3_000, 'current'])
  await b.append(5)
  assert.equal(mirror.lag, 0, 'what came since is no lag: the next round has it')
  const types = []
  for await (const { entry } of b.log.entries(11)) types.push(entry.type)
  assert.deepEqual(types.slice(0, 3), ['call.intent', 'mirror.failed', 'mirror.current'])
})

test('a store that fails at any operation leaves a mirror that verifies, and the next round completes it', async () => {
  using b = await MirrorBench.open()
  await b.append(20)
  await b.mirror().round()
  const acknowledged = b.disk.written.get(join(b.bench.dir, 'mirror.json')) as Buffer
  await b.append(600)
  await b.log.publish()
  for (const isLate of [false, true]) {
    for (let at = 0; ; at++) {
      using copy = mkdtempFolder(b.folder)
      const inner = directoryStore(copy.dir, 'log')
      let operations = 0
      const once = <T>(work: () => Promise<T>): Promise<T> => {
        if (operations++ !== at) return work()
        return isLate
          ? work().then(() => Promise.reject(new MirrorFailed('no answer')))
          : Promise.reject(new MirrorFailed('gone'))
      }
      b.store = {
        ...inner,
        put: (...args) => once(() => inner.put(...args)),
        get: (path) => once(() => inner.get(path)),
        discard: (path) => once(() => inner.discard(path)),
      }
      b.disk.written.set(join(b.bench.dir, 'mirror.json'), acknowledged)
      const mirror = b.mirror()
      await mirror.round()
      const isOver = operations <= at
      const report = await verifyLog((path) => inner.get(path), { vkey: b.log.vkey })
      assert.deepEqual(report.problems, [], `operation ${at}`)
      if (isOver) break
      await mirror.round()
      assert.equal(mirror.status().state, 'current')
      const after = await verifyLog((path) => inner.get(path), { vkey: b.log.vkey })
      assert.deepEqual([after.problems, after.size], [[], mirror.size])
    }
  }
})

function mkdtempFolder(from: string) {
  const dir = mkdtempSync(join(tmpdir(), 'ostiary-mirror-'))
  cpSync(from, dir, { recursive: true })
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) }
}

test('a log that goes on while it is copied, and drops its partial files, is no damage', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  await b.append(3000)
  await b.append(2000)
  const { store } = b
  let puts = 0
  b.store = {
    ...store,
    async put(...args) {
      if (++puts % 9 === 0 && puts < 60) {
        await b.append(256)
        await b.log.publish()
      }
      await store.put(...args)
    },
  }
  await mirror.round()
  assert.deepEqual([b.told, mirror.status().state], [[], 'current'])
  assert.ok((await b.verified()) > 5001)
})

test('a mirror that was emptied is noticed, also by a gateway that starts then, and filled again', async () => {
  using b = await MirrorBench.open()
  let mirror = b.mirror()
  for (const isRestarted of [false, true]) {
    await b.append(300)
    await mirror.round()
    rmSync(b.path(''), { recursive: true })
    if (isRestarted) mirror = b.mirror()
    await mirror.round()
    assert.match(b.told.at(-1) as string, /has lost something: it held \d+ entries and now says 0/)
    assert.equal(await b.verified(), mirror.size)
  }
})

test('a mirror that was rolled back to an older checkpoint is noticed and brought forward', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  await b.append(100)
  await mirror.round()
  using older = mkdtempFolder(b.folder)
  await b.append(300)
  await mirror.round()
  rmSync(b.path(''), { recursive: true })
  cpSync(join(older.dir, 'log'), b.path(''), { recursive: true })
  await mirror.round()
  assert.match(b.told.at(-1) as string, /it held 401 entries and now says 101/)
  assert.equal(await b.verified(), mirror.size)
})

test('older files taken out of the mirror are found by the looks that each round takes, and put back', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  await b.append(300)
  await mirror.round()
  rmSync(b.path('tile/entries/000'), { force: true })
  await mirror.round()
  assert.match(b.told.at(-1) as string, /no longer holds tile\/entries\/000/)
  assert.equal(await b.verified(), mirror.size)
})

test('the tail and sealed bodies taken out of the mirror are found too, and put back', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  const sealed = Buffer.from('sealed')
  const body = { sha256: hash('sha256', sealed, 'base64url'), commitment: '', keys: [] }
  await b.log.append({ ...event(0), body }, sealed)
  await b.append(300)
  await mirror.round()
  // Each loss is an entry more.
  for (const path of ['body/000', 'tile/entries/001.p/47', 'tile/0/001.p/48']) {
    await mirror.round()
    rmSync(b.path(path), { force: true })
    await mirror.round()
    assert.match(b.told.at(-1) as string, new RegExp(`no longer holds ${path}`))
    assert.equal(await b.verified(), mirror.size)
  }
  assert.deepEqual(await b.store.get('body/000'), b.disk.written.get(b.bench.path('body/000')))
})

test('witnesses that saw more than a round copied do not make the copy look like a log that was cut', async () => {
  using b = await MirrorBench.open()
  const mirror = b.mirror()
  const { checkpoints } = b.log
  await b.append(10)
  await b.log.publish()
  await checkpoints.cosigned(checkpoints.newest as SignedHead, true)
  await mirror.round()
  const before = await b.store.get('checkpoint.witnessed')
  await b.append(10)
  // While the round copies, the log goes on and is witnessed.
  const directory = b.store
  b.store = {
    ...directory,
    put: async (path, data, as) => {
      await directory.put(path, data, as)
      if (path !== 'vkey') return
      await b.append(10)
      await b.log.publish()
      await checkpoints.cosigned(checkpoints.newest as SignedHead, true)
    },
  }
  await mirror.round()
  assert.deepEqual(await directory.get('checkpoint.witnessed'), before)
  b.store = directory
  await mirror.round()
  assert.match(String(await directory.get('checkpoint.witnessed')), /^log\.example\.org\n31\n/)
})

test('what contradicts the log in the mirror is told and never overwritten', async () => {
  using b = await MirrorBench.open()
  await b.append(300)
  await b.mirror().round()
  const tampered = b.path('tile/entries/000')
  chmodSync(tampered, 0o600)
  writeFileSync(tampered, 'another history')
  const mirror = b.mirror()
  await b.append(5)
  await mirror.round()
  assert.equal(mirror.status().state, 'contradicted')
  assert.match(b.told.at(-1) as string, /holds another tile\/entries\/000/)
  assert.equal(String(await b.store.get('tile/entries/000')), 'another history')
  assert.equal(mirror.size, 301, 'nothing is added to a mirror that contradicts')
})

test('two logs do not get into one mirror, and a log that was cut does not shorten it', async () => {
  using b = await MirrorBench.open()
  await b.append(300)
  await b.mirror().round()
  const note = String(await b.store.get('checkpoint'))
  using other = await MirrorBench.open()
  await other.append(400)
  other.store = b.store
  const foreign = other.mirror()
  await foreign.round()
  assert.match(foreign.status().problem as string, /not signed by the key of this log/)

  // The same key, as after a backup of the whole data folder was played back.
  using cut = new MirrorBench()
  cpSync(join(b.bench.dir, 'keys'), join(cut.bench.dir, 'keys'), { recursive: true })
  cut.log = await cut.bench.open(cut.disk)
  cut.store = b.store
  await cut.append(10)
  const shorter = cut.mirror()
  await shorter.round()
  assert.match(shorter.status().problem as string, /it holds 301 entries and the log only 11/)
  await Promise.all(Array.from({ length: 500 }, (_, n) => cut.log.append(event(n + 7))))
  const forked = cut.mirror()
  await forked.round()
  assert.match(forked.status().problem as string, /its first 301 entries are not those of the log/)
  assert.equal(String(await b.store.get('checkpoint')), note)
})

test('a log that was damaged on its disk is not copied over a good mirror', async () => {
  using b = await MirrorBench.open()
  await b.append(300)
  await b.mirror().round()
  await b.append(300)
  await b.log.publish()
  const path = b.bench.path('tile/entries/001')
  const bytes = Buffer.from(b.disk.written.get(path) as Buffer)
  bytes[1000] = (bytes[1000] as number) ^ 1
  b.disk.written.set(path, bytes)
  const mirror = b.mirror()
  await mirror.round()
  assert.equal(mirror.status().state, 'failing')
  assert.equal(await b.verified(), 301)
})

test('what a mirror of a closed log had acknowledged is no loss of the new one', async () => {
  using old = await MirrorBench.open()
  await old.append(300)
  await old.mirror().round()
  using b = await MirrorBench.open()
  const place = old.disk.written.get(join(old.bench.dir, 'mirror.json')) as Buffer
  b.disk.written.set(join(b.bench.dir, 'mirror.json'), place)
  const mirror = b.mirror()
  await mirror.round()
  assert.deepEqual([b.told, mirror.status().state], [[], 'current'])
})

test('losing what the mirror had acknowledged harms nothing', async () => {
  using b = await MirrorBench.open()
  await b.append(300)
  await b.mirror().round()
  b.disk.written.delete(join(b.bench.dir, 'mirror.json'))
  await b.append(3)
  const mirror = b.mirror()
  await mirror.round()
  assert.deepEqual(b.told, [])
  assert.equal(await b.verified(), mirror.size)
  const held = await openCheckpoint(b.log.checkpoint(), parseVkey(b.log.vkey) as never)
  assert.equal(held?.size, mirror.size)
})

test('a log on a real disk is copied to a real folder, private and read-only', async () => {
  using b = new MirrorBench()
  const log = await b.bench.open(diskFiles)
  await Promise.all(Array.from({ length: 300 }, (_, n) => log.append(event(n))))
  const store = directoryStore(b.folder, 'log')
  const mirror = new LogMirror({
    log,
    recorder: log as Recorder,
    dir: b.bench.path(''),
    store,
    placeFile: join(b.bench.dir, 'mirror.json'),
    clock: { now: () => 0 },
    onProblem: (problem) => assert.fail(problem),
  })
  await mirror.round()
  b.log = log
  assert.equal(await b.verified(), 301)
  assert.equal(statSync(b.path('tile/entries/000')).mode & 0o777, 0o400)
  await log.close()
})
