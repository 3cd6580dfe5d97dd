import type { Node, ParseError } from 'jsonc-parser'
import { getNodeValue, parseTree, printParseErrorCode } from 'jsonc-parser'
import type { Json } from '../../model/json.ts'

/** The file cannot be taken over; the message says why and where, and holds no value of the file. */
export class ImportProblem extends Error {
  override name = 'ImportProblem'
}

const BOM = '\ufeff'

export const splitBom = (text: string): readonly [bom: string, rest: string] =>
  text.startsWith(BOM) ? [BOM, text.slice(1)] : ['', text]

/**
 * Parses JSON with comments and trailing commas, as editors and clients accept it. `text` is without a byte order mark.
 * @throws ImportProblem for syntax errors, and for a key given twice: clients disagree about which one counts
 */
export function parseJsonc(text: string): Node | undefined {
  const errors: ParseError[] = []
  try {
    const root = parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true })
    const [first] = errors
    if (first) {
      throw new ImportProblem(
        `it is not valid JSON: ${printParseErrorCode(first.error)} at ${place(text, first.offset)}`,
      )
    }
    if (root) refuseDuplicates(root, text)
    return root
  } catch (error) {
    if (error instanceof RangeError) throw new ImportProblem('it is nested too deep')
    throw error
  }
}

function refuseDuplicates(node: Node, text: string): void {
  const keys = new Set<string>()
  for (const child of node.children ?? []) {
    if (child.type === 'property') {
      const key = String(child.children?.[0]?.value)
      if (keys.has(key)) {
        throw new ImportProblem(
          `the key ${JSON.stringify(key)} is given twice in one object, at ${place(text, child.offset)}; remove one`,
        )
      }
      keys.add(key)
    }
    refuseDuplicates(child, text)
  }
}

const place = (text: string, offset: number): string => {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}

/** Members of an object node in order; empty for anything else. */
export function members(node: Node | undefined): readonly (readonly [key: string, value: Node])[] {
  if (node?.type !== 'object') return []
  return (node.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? []
    return key && value ? [[String(key.value), value] as const] : []
  })
}

export const member = (node: Node | undefined, name: string): Node | undefined =>
  members(node).find(([key]) => key === name)?.[1]

export const jsonOf = (node: Node | undefined): Json | undefined =>
  node ? (getNodeValue(node) as Json) : undefined

/** A member that is text. */
export function textOf(node: Node | undefined, name: string): string | undefined {
  const value: unknown = member(node, name)?.value
  return typeof value === 'string' ? value : undefined
}
