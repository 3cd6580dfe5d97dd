import type { FormattingOptions } from 'jsonc-parser'
import { applyEdits, findNodeAtLocation, modify } from 'jsonc-parser'
import type { Secret } from '../../lib/secret.ts'
import { ImportProblem, parseJsonc, splitBom, textOf } from './jsonc.ts'

/** What takes the place of one entry: the bridge to the gateway, as the caller wants it started. */
export interface Replacement {
  readonly pointer: readonly string[]
  readonly command: string
  readonly args: readonly string[]
}

/**
 * Replaces entries in the text of a client's file. Everything outside of them stays as it is: comments, order, white space, line
 * ends, byte order mark.
 * @throws ImportProblem when the text does not hold one of the entries (any more)
 */
export function rewrite(text: string, entries: readonly Replacement[]): string {
  const [bom, rest] = splitBom(text)
  const formattingOptions = formattingOf(rest)
  let out = rest
  for (const { pointer, command, args } of entries) {
    const root = parseJsonc(out)
    const entry = root && findNodeAtLocation(root, [...pointer])
    if (!entry) throw new ImportProblem(`the file no longer has ${pointer.join('.')}`)
    const type = textOf(entry, 'type') === undefined ? {} : { type: 'stdio' }
    out = applyEdits(out, modify(out, [...pointer], { ...type, command, args }, { formattingOptions }))
  }
  return bom + out
}

function formattingOf(text: string): FormattingOptions {
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : Math.min(indent.length, 8),
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  }
}

/** Lines (from 1) of a rewritten file that still hold one of the secrets, for example in a comment. */
export function linesWithSecrets(text: string, secrets: readonly Secret[]): readonly number[] {
  const values = secrets
    .map((secret) => secret.reveal())
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1)])
  return text
    .split('\n')
    .flatMap((line, at) => (values.some((value) => line.includes(value)) ? [at + 1] : []))
}
