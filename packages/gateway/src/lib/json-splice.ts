import { endOfString } from './strict-json.ts'

/**
 * Adds one member to the object at `path`, leaving every other byte of the JSON text as it was (member order, number precision,
 * unknown members). The text is known to be valid JSON with unique keys and the object at `path` to exist without that member.
 */
export function addMember(text: string, path: readonly string[], key: string, json: string): string {
  const open = locate(text, path)
  if (text[open] !== '{') throw new Error(`no object at ${path.join('.')}`)
  const next = skipSpace(text, open + 1)
  const comma = text[next] === '}' ? '' : ','
  return `${text.slice(0, open + 1)}${JSON.stringify(key)}:${json}${comma}${text.slice(open + 1)}`
}

/** Replaces the value at `path`, leaving every other byte as it was. */
export function replaceValue(text: string, path: readonly string[], json: string): string {
  const start = locate(text, path)
  return text.slice(0, start) + json + text.slice(endOfValue(text, start))
}

/** Changes the value at `path` as text, leaving every other byte as it was. */
export function mapValue(text: string, path: readonly string[], map: (json: string) => string): string {
  const start = locate(text, path)
  const end = endOfValue(text, start)
  return text.slice(0, start) + map(text.slice(start, end)) + text.slice(end)
}

/** Removes one member of the object that the text is, with the comma that is then too many. The member is known to exist. */
export function removeMember(text: string, key: string): string {
  const open = skipSpace(text, 0)
  const end = endOfValue(text, findMember(text, open, key))
  const next = skipSpace(text, end)
  const start = startOfMember(text, open, key)
  if (text[next] === ',') return text.slice(0, start) + text.slice(skipSpace(text, next + 1))
  // The last one: the comma before it goes.
  return text.slice(0, start).replace(/,[ \n\r\t]*$/, '') + text.slice(end)
}

/** Changes strings, keys included, wherever `map` gives another one, leaving every other byte as it was. */
export function mapStrings(text: string, map: (value: string) => string): string {
  let out = ''
  let copied = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    const end = endOfString(text, at) + 1
    const value = JSON.parse(text.slice(at, end)) as string
    const mapped = map(value)
    if (mapped !== value) {
      out += text.slice(copied, at) + JSON.stringify(mapped)
      copied = end
    }
    at = end
  }
  return out + text.slice(copied)
}

/** Changes numbers, as they are written, wherever `map` gives JSON for one, leaving every other byte as it was. */
export function mapNumbers(text: string, map: (written: string) => string | undefined): string {
  let out = ''
  let copied = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') at = endOfString(text, at)
    else if (isDigit(text[at] as string)) {
      const start = text[at - 1] === '-' ? at - 1 : at
      const end = endOfValue(text, at)
      const json = map(text.slice(start, end))
      if (json !== undefined) {
        out += text.slice(copied, start) + json
        copied = end
      }
      at = end - 1
    }
  }
  return out + text.slice(copied)
}

const isDigit = (char: string): boolean => char >= '0' && char <= '9'

/** Index of the first character of the value at `path`. */
function locate(text: string, path: readonly string[]): number {
  let at = skipSpace(text, 0)
  for (const wanted of path) at = findMember(text, at, wanted)
  return at
}

function findMember(text: string, open: number, wanted: string): number {
  const end = endOfString(text, startOfMember(text, open, wanted))
  return skipSpace(text, skipSpace(text, end + 1) + 1)
}

/** Index of the quote that opens the key. */
function startOfMember(text: string, open: number, wanted: string): number {
  let at = skipSpace(text, open + 1)
  while (text[at] === '"') {
    const end = endOfString(text, at)
    const key = JSON.parse(text.slice(at, end + 1)) as string
    const value = skipSpace(text, skipSpace(text, end + 1) + 1)
    if (key === wanted) return at
    at = skipSpace(text, endOfValue(text, value))
    if (text[at] !== ',') break
    at = skipSpace(text, at + 1)
  }
  throw new Error(`no member ${wanted}`)
}

function endOfValue(text: string, start: number): number {
  const first = text[start]
  if (first === '"') return endOfString(text, start) + 1
  if (first !== '{' && first !== '[') {
    let at = start
    while (at < text.length && !',]} \n\r\t'.includes(text[at] as string)) at++
    return at
  }
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at)
    else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return text.length
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && ' \n\r\t'.includes(text[at] as string)) at++
  return at
}
