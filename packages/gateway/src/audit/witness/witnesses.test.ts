import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { Policy, VerifierKey } from '@ostiary/evidence'
import { openWitnessed, parsePolicy, parseVkey, verifyReceipt } from '@ostiary/evidence'
import { encodeEntry } from '../entry.ts'
import type { AuditLog } from '../log.ts'
import { event, LogBench, MemoryDisk } from '../testing.ts'
import { witnessServer } from './server.ts'
import { serve, WitnessBench } from './testing.ts'
import { Witnesses } from './witnesses.ts'

/** A log, three witnesses of it that really run, and whatever else a test puts in their place. */
class Scene implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly bench = this.#stack.use(new LogBench())
  readonly disk = new MemoryDisk()
  readonly problems: [string, string | undefined, boolean][] = []
  readonly lines: string[] = []
  log!: AuditLog

  static async open(): Promise<Scene> {
    const scene = new Scene()
    scene.log = await scene.bench.open(scene.disk)
    scene.#stack.defer(() => scene.log.close())
    return scene
  }

  /** A witness that watches this log. @returns its address */
  async honest(name: string, own = this.#stack.use(new WitnessBench())): Promise<string> {
    const logs = [parseVkey(this.log.vkey) as VerifierKey]
    const witness = own.witness({ name: `w.example.org/${name}`, logs })
    const { url } = this.#stack.use(await serve(witnessServer(witness, () => {})))
    this.lines.push(`witness ${name} ${witness.vkey} ${url}`)
    return url
  }

  /** Something else that answers where a witness should, under the key of a real one. */
  async hostile(name: string, listener: RequestListener): Promise<void> {
    const { vkey } = this.#stack.use(new WitnessBench()).witness({ name: `w.example.org/${name}` })
    const { url } = this.#stack.use(await serve(createServer(listener)))
    this.lines.push(`witness ${name} ${vkey} ${url}`)
  }

  /** A witness at whose address nobody listens. */
  async gone(name: string): Promise<void> {
    const { vkey } = this.#stack.use(new WitnessBench()).witness({ name: `w.example.org/${name}` })
    await using server = await serve(createServer())
    this.lines.push(`witness ${name} ${vkey} ${server.url}`)
  }

  policy(quorum: string): Policy {
    const names = this.lines.map((line) => line.split(' ')[1])
    const parsed = parsePolicy(`${this.lines.join('\n')}\ngroup g ${quorum} ${names.join(' ')}\nquorum g\n`)
    assert.ok('policy' in parsed, JSON.stringify(parsed))
    return parsed.policy
  }

  follow(quorum: string): Witnesses {
    const onProblem = (...problem: [string, string | undefined, boolean]) => void this.problems.push(problem)
    const clock = { now: () => 1_700_000_000_000 }
    return this.#stack.use(new Witnesses({ log: this.log, policy: this.policy(quorum), clock, onProblem }))
  }

  async append(count: number): Promise<number> {
    const positions = await Promise.all(Array.from({ length: count }, (_, n) => this.log.append(event(n))))
    return positions.at(-1)?.index as number
  }

  async cosigners(note = this.log.checkpoint(), quorum = 'any'): Promise<string[]> {
    const opened = await openWitnessed(note, this.policy(quorum), parseVkey(this.log.vkey))
    return opened?.cosignatures.map(({ witness }) => witness) ?? ['nobody can open it']
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

const LONG = 20_000

test('a checkpoint is published with the cosignatures of the witnesses, and receipts are made under it', async () => {
  await using scene = await Scene.open()
  await scene.honest('a')
  await scene.honest('b')
  const witnesses = scene.follow('all')
  for (const count of [1, 300, 7]) {
    const index = await scene.append(count)
    assert.equal(await witnesses.cosigned(index, LONG), true)
    assert.deepEqual((await scene.cosigners()).sort(), ['a', 'b'])
    const stored = await scene.log.read(index)
    const check = await verifyReceipt({
      receipt: await scene.log.receipt(index),
      entry: encodeEntry(event(count - 1), stored.entry.ts),
      vkey: scene.log.vkey,
      policy: scene.policy('all'),
    })
    assert.ok(check.ok, JSON.stringify(check))
  }
})

test('what waits is cosigned at once, and not at the next tick of the log', async () => {
  await using scene = await Scene.open()
  await scene.honest('a')
  const witnesses = scene.follow('any')
  // The tick of this log is days away.
  const results = await Promise.all(
    Array.from({ length: 50 }, async () => witnesses.cosigned(await scene.append(1), LONG)),
  )
  assert.ok(results.every(Boolean))
})

test('a witness that is gone, refuses or never answers holds up neither the quorum nor the log', async () => {
  await using scene = await Scene.open()
  const held: (() => void)[] = []
  await scene.honest('a')
  await scene.hostile('silent', (_req, res) => void held.push(() => res.end()))
  await scene.hostile('refuses', (_req, res) => void res.writeHead(500).end())
  await scene.gone('gone')
  const witnesses = scene.follow('any')
  const index = await scene.append(3)
  assert.equal(await witnesses.cosigned(index, LONG), true)
  assert.deepEqual(await scene.cosigners(), ['a'])
  for (const end of held) end()
})

test('closing ends what a witness has not answered', async () => {
  await using scene = await Scene.open()
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const { promise: left, resolve: leave } = Promise.withResolvers<void>()
  await scene.hostile('silent', (req) => {
    resolve()
    req.socket.on('close', () => leave())
  })
  const witnesses = scene.follow('any')
  const waiting = witnesses.cosigned(await scene.append(1), LONG)
  await asked
  witnesses[Symbol.dispose]()
  assert.equal(await waiting, false)
  await left
})

test('without its quorum nothing counts as cosigned, and whoever waits is told after the time', async () => {
  await using scene = await Scene.open()
  await scene.honest('a')
  await scene.hostile('refuses', (_req, res) => void res.writeHead(503).end())
  const witnesses = scene.follow('all')
  assert.equal(await witnesses.cosigned(await scene.append(1), 300), false)
  assert.equal(scene.log.checkpoints.witnessed, undefined)
  assert.deepEqual(await scene.cosigners(), ['a'], 'the one there is is shown all the same')
})

test('whatever a hostile witness answers, it does not count and nothing fails', async () => {
  await using scene = await Scene.open()
  await scene.honest('honest')
  const line = (name: string, bytes: Buffer) => `\u2014 ${name} ${bytes.toString('base64')}\n`
  const answers: [string, RequestListener][] = [
    ['empty', (_q, res) => void res.end()],
    ['text', (_q, res) => void res.end('<html>no</html>')],
    ['huge', (_q, res) => void res.end('\u2014 w.example.org/huge '.padEnd(5_000_000, 'A'))],
    ['unsigned', (_q, res) => void res.end(line('w.example.org/unsigned', Buffer.alloc(76, 1)))],
    ['injects', (_q, res) => void res.end(`more text\n\n${line('w.example.org/injects', Buffer.alloc(76))}`)],
    ['conflict', (_q, res) => void res.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end('soon\n')],
    ['ahead', (_q, res) => void res.writeHead(409).end('9007199254740991\n')],
    ['flips', (_q, res) => void res.writeHead(409).end('1\n')],
    ['redirects', (_q, res) => void res.writeHead(307, { location: 'http://169.254.169.254/' }).end()],
    ['breaks', (_q, res) => void res.socket?.destroy()],
    ['rewritten', (_q, res) => void res.writeHead(422).end()],
  ]
  for (const [name, listener] of answers) await scene.hostile(name, listener)
  const witnesses = scene.follow('any')
  assert.equal(await witnesses.cosigned(await scene.append(1), LONG), true)
  const told = () => new Set(scene.problems.filter(([, problem]) => problem).map(([name]) => name))
  while (told().size < answers.length) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await scene.cosigners(), ['honest'])
  const contradicting = scene.problems.filter(([, , contradicts]) => contradicts).map(([name]) => name)
  assert.deepEqual([...new Set(contradicting)].sort(), ['ahead', 'rewritten'])
})

test('a real witness’s line for another checkpoint, or by another’s key, does not count', async () => {
  await using scene = await Scene.open()
  const url = await scene.honest('a')
  const stolen: string[] = []
  await scene.hostile('thief', (req, res) => {
    // Passes on what the honest one says, as its own.
    const parts: Buffer[] = []
    req.on('data', (part: Buffer) => parts.push(part))
    req.on('end', async () => {
      const body = Buffer.concat(parts)
      const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body }).catch(() => undefined)
      // The test is over.
      if (!answer) return res.destroy()
      stolen.push(await answer.text())
      res.end(stolen[0]?.replace('w.example.org/a', 'w.example.org/thief'))
    })
  })
  const witnesses = scene.follow('all')
  assert.equal(await witnesses.cosigned(await scene.append(2), 400), false)
  assert.ok(stolen.length > 0)
  assert.deepEqual(await scene.cosigners(), ['a'])
})

test('a witness that has seen a longer log, or another one, is told of as evidence', async () => {
  await using scene = await Scene.open()
  await scene.honest('a')
  {
    using witnesses = scene.follow('any')
    await witnesses.cosigned(await scene.append(9), LONG)
  }
  // The same key, begun anew: what a rollback to an empty backup looks like.
  const older = await scene.bench.open(new MemoryDisk())
  const problems: [string, string | undefined, boolean][] = []
  using _witnesses = new Witnesses({
    log: older,
    policy: scene.policy('any'),
    clock: { now: () => 1_700_000_000_000 },
    onProblem: (...problem) => void problems.push(problem),
  })
  while (problems.length === 0) await new Promise((resolve) => setImmediate(resolve))
  assert.match(problems[0]?.[1] ?? '', /it has cosigned 10 entries, and this log has 1/)
  assert.equal(problems[0]?.[2], true)
  await older.close()
})

test('a log whose checkpoint was rolled back behind what witnesses saw does not open', async () => {
  await using scene = await Scene.open()
  await scene.honest('a')
  using witnesses = scene.follow('any')
  const early = scene.disk.written.get(scene.bench.path('checkpoint')) as Buffer
  await witnesses.cosigned(await scene.append(4), LONG)
  // The copy on the disk follows.
  const kept = () => scene.disk.written.get(scene.bench.path('checkpoint.witnessed'))?.toString('utf8')
  while (kept()?.split('\n')[1] !== '5') await new Promise((resolve) => setImmediate(resolve))
  const disk = scene.disk.after('kill')
  disk.written.set(scene.bench.path('checkpoint'), early)
  await assert.rejects(() => scene.bench.open(disk), /was rolled back: witnesses saw 5 entries/)
})
