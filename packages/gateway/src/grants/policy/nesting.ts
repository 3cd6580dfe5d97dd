import type { Json } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'
import { endOfString } from './statements.ts'

const MAX_DEPTH = 32
const MAX_OPERATORS = 400
/** Cedar reads its own JSON to 128 levels, of which some are around the policy. */
const MAX_JSON_DEPTH = 110

/**
 * Where a text goes deeper than Cedar can follow; undefined where it does not. To be asked before Cedar reads it: the compiled Cedar does
 * not watch its stack, and once that has run over, no policy can be read or asked in this process any more.
 */
export function tooDeepAt(text: string): number | undefined {
  let depth = 0
  let operators = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string
    if (char === '"') i = endOfString(text, i)
    else if (char === '/' && text[i + 1] === '/') i = endOfLine(text, i)
    else if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    else if (char === ';') operators = 0
    else if ('&|+-*!.'.includes(char) || text.startsWith('if', i)) {
      operators++
      if (text[i + 1] === char) i++
    }
    if (depth > MAX_DEPTH || operators > MAX_OPERATORS) return i
  }
  return undefined
}

function endOfLine(text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (text[i] === '\n' || text[i] === '\r') return i
  return text.length
}

/** The same of a policy that Cedar has read. */
export const isTooDeep = (json: unknown): boolean => depthOf(json as Json) > MAX_JSON_DEPTH

function depthOf(json: Json): number {
  if (!isObject(json) && !Array.isArray(json)) return 0
  let deepest = 0
  for (const child of Object.values(json)) deepest = Math.max(deepest, depthOf(child as Json))
  return deepest + 1
}
