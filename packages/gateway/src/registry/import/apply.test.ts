import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'jsonc-parser'
import { Secret } from '../../lib/secret.ts'
import { apply, undo } from './apply.ts'
import { ImportProblem } from './jsonc.ts'
import type { Replacement } from './rewrite.ts'
import { linesWithSecrets, rewrite } from './rewrite.ts'

const BRIDGE = { command: 'ostiary', args: ['connect', 'files', '--task', 'notes'] }
const ENTRY: Replacement = { pointer: ['mcpServers', 'files'], ...BRIDGE }
const TEXT = `{
\t// keep me
\t"mcpServers": {
\t\t"files": { "command": "x", "env": { "TOKEN": "hunter2" } }, // mine
\t\t"other": { "command": "y", },
\t},
}
`

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'ostiary-apply-'))
  readonly dataDir = join(this.path, 'data')
  readonly file = join(this.path, 'mcp.json')
  now = 1000

  constructor(text: string = TEXT) {
    writeFileSync(this.file, text)
  }

  apply(entries: readonly Replacement[] = [ENTRY], planned: string = this.text()): boolean {
    return apply({
      dataDir: this.dataDir,
      file: this.file,
      planned,
      entries,
      clock: { now: () => this.now++ },
    })
  }

  undo(force = false) {
    return undo({ dataDir: this.dataDir, force }).map(({ outcome }) => outcome)
  }

  text(): string {
    return readFileSync(this.file, 'utf8')
  }

  kept(): readonly string[] {
    return readdirSync(join(this.dataDir, 'imports'))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

test('only the entry changes: comments, trailing commas and the rest stay', () => {
  const out = rewrite(TEXT, [ENTRY])
  assert.equal(
    out,
    TEXT.replace(
      '{ "command": "x", "env": { "TOKEN": "hunter2" } }',
      `{\n\t\t\t"command": "ostiary",\n\t\t\t"args": [\n\t\t\t\t"connect",\n\t\t\t\t"files",\n\t\t\t\t"--task",\n\t\t\t\t"notes"\n\t\t\t]\n\t\t}`,
    ),
  )
})

test('a byte order mark and CRLF stay', () => {
  const text = `\ufeff${TEXT.replaceAll('\n', '\r\n')}`
  const out = rewrite(text, [ENTRY])
  assert.ok(out.startsWith('\ufeff{'))
  assert.equal(out.replaceAll('\r\n', '').includes('\n'), false)
})

test('the type of an entry becomes stdio, where the client wants one', () => {
  const out = rewrite('{"mcpServers":{"files":{"type":"http","url":"https://example.org"}}}', [ENTRY])
  assert.deepEqual(parse(out), { mcpServers: { files: { type: 'stdio', ...BRIDGE } } })
})

test('an entry that is gone is refused', () => {
  assert.throws(() => rewrite('{"mcpServers":{}}', [ENTRY]), ImportProblem)
})

test('a secret that stays behind in a comment is reported by its line', () => {
  const text = TEXT.replace('// keep me', '// hunter2')
  assert.deepEqual(linesWithSecrets(rewrite(text, [ENTRY]), [new Secret('hunter2')]), [2])
  assert.deepEqual(linesWithSecrets(rewrite(TEXT, [ENTRY]), [new Secret('hunter2')]), [])
})

test('after an import the secret is only in the private copy, and undo restores the file byte for byte', () => {
  using folder = new Folder()
  chmodSync(folder.file, 0o640)
  assert.equal(folder.apply(), true)
  assert.equal(folder.text().includes('hunter2'), false)
  assert.equal(statSync(folder.file).mode & 0o777, 0o640)
  for (const name of folder.kept())
    assert.equal(statSync(join(folder.dataDir, 'imports', name)).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder.dataDir, 'imports')).mode & 0o777, 0o700)
  assert.deepEqual(folder.undo(), ['restored'])
  assert.equal(folder.text(), TEXT)
  assert.equal(statSync(folder.file).mode & 0o777, 0o640)
  assert.deepEqual(folder.kept(), [])
})

test('undo leaves a file alone that a person edited since; forced, it keeps a copy', () => {
  using folder = new Folder()
  folder.apply()
  const edited = `${folder.text()}// mine\n`
  writeFileSync(folder.file, edited)
  assert.deepEqual(folder.undo(), ['edited'])
  assert.equal(folder.text(), edited)
  const [forced] = undo({ dataDir: folder.dataDir, force: true })
  assert.equal(folder.text(), TEXT)
  assert.equal(readFileSync(forced?.copy ?? '', 'utf8'), edited)
})

test('two imports of one file are undone back to the first state', () => {
  using folder = new Folder()
  folder.apply()
  folder.apply([{ ...ENTRY, pointer: ['mcpServers', 'other'] }])
  assert.deepEqual(folder.undo(), ['restored', 'restored'])
  assert.equal(folder.text(), TEXT)
})

test('a file that changed between the plan and the import is not touched', () => {
  using folder = new Folder()
  assert.throws(() => folder.apply([ENTRY], `${TEXT} `), ImportProblem)
  assert.equal(folder.text(), TEXT)
  assert.equal(existsSync(folder.dataDir), false)
})

test('a linked file is rewritten where it is, and the link stays', () => {
  using folder = new Folder()
  const link = join(folder.path, 'link.json')
  symlinkSync(folder.file, link)
  apply({ dataDir: folder.dataDir, file: link, planned: TEXT, entries: [ENTRY], clock: { now: () => 1 } })
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.equal(folder.text().includes('hunter2'), false)
  folder.undo()
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.equal(readFileSync(link, 'utf8'), TEXT)
})

test('a crash after any step leaves a state that undo puts right', () => {
  using folder = new Folder()
  folder.apply()
  const imported = folder.text()
  // Cut off before the client's file was renamed: the copy and the entry are there, the file is as it was.
  writeFileSync(folder.file, TEXT)
  assert.deepEqual(folder.undo(), ['untouched'])
  assert.deepEqual(folder.kept(), [])
  // Cut off before the entry was written.
  folder.apply()
  for (const name of folder.kept()) if (name.endsWith('.json')) rmSync(join(folder.dataDir, 'imports', name))
  writeFileSync(folder.file, TEXT)
  assert.deepEqual(folder.undo(), [])
  assert.equal(folder.text(), TEXT)
  assert.deepEqual(folder.kept(), [], 'the copy with the secret does not stay behind')
  // Cut off in an undo, after the file was restored.
  folder.apply()
  assert.equal(folder.text(), imported)
  writeFileSync(folder.file, TEXT)
  assert.deepEqual(folder.undo(), ['untouched'])
})

test('a damaged copy is never restored', () => {
  using folder = new Folder()
  folder.apply()
  const imported = folder.text()
  for (const name of folder.kept())
    if (name.endsWith('.backup')) writeFileSync(join(folder.dataDir, 'imports', name), 'x')
  assert.deepEqual(folder.undo(true), ['damaged'])
  assert.equal(folder.text(), imported)
})

test('any formatting: the rewrite changes one entry, and undo is byte for byte', () => {
  const space = fc.stringMatching(/^(?:[ \t]|\r?\n|\/\* [a-z{}",:]* \*\/|\/\/ [a-z{}",:]*\n){0,4}$/)
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constant({ command: 'x', env: { TOKEN: 'hunter2' } }),
  )
  const texts = fc
    .tuple(fc.array(space, { minLength: 12, maxLength: 12 }), value, value, fc.boolean(), fc.boolean())
    .map(([s, mine, other, comma, bom]) => {
      const [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = '', i = '', j = '', k = '', l = ''] =
        s
      const text = `${a}{${b}"mcpServers"${c}:${d}{${e}"files"${f}:${g}${JSON.stringify(mine)}${h},${i}"other":${JSON.stringify(other)}${j}${comma ? ',' : ''}}${k}}${l}`
      return { text: bom ? `\ufeff${text}` : text, other, tail: `${j}${comma ? ',' : ''}}${k}}${l}` }
    })
  using folder = new Folder()
  fc.assert(
    fc.property(texts, ({ text, other, tail }) => {
      writeFileSync(folder.file, text)
      folder.apply()
      const out = folder.text()
      assert.deepEqual(parse(out.replace(/^\ufeff/, '')).mcpServers.files, BRIDGE)
      assert.deepEqual(parse(out.replace(/^\ufeff/, '')).mcpServers.other, parse(JSON.stringify(other)))
      assert.ok(out.endsWith(tail) && out.startsWith(text.slice(0, text.indexOf('"files"'))))
      folder.undo()
      assert.equal(folder.text(), text)
    }),
    { numRuns: 100 },
  )
})
