import type { Detector } from '../detector.ts'
import { entropy } from '../entropy.ts'
import type { Survey } from '../survey/survey.ts'
import { LONG_NAME } from '../survey/tables.ts'
import { ADDRESSES, groupOf } from '../survey/vocabulary.ts'

const NAME = 'exfiltration'
/** So many addresses that could hold data are looked at, and one more for so many characters. */
const MAX_URLS = 200
const PER_URL = 100
/** Of a part of an address, and of an address with such a part. */
const SHORTEST_DATA = 24
const SHORTEST_WITH_DATA = 33

const ADDRESS = groupOf(ADDRESSES)
const BEGINNING = /https?:\/\//gi
const LONGEST_BEGINNING = 8
const URL_HERE = /\bhttps?:\/\/[^\s"'<>()[\]{}|\\^`]{4,4096}/iy
/** What is fetched without anyone clicking it: each with what it begins with, from which on it is looked at. */
const LOADED: readonly (readonly [begins: string, pattern: RegExp])[] = [
  ['![', /^!\[[^\]\n]{0,200}\]\(\s{0,4}<?$/],
  [
    '<',
    /^<(?:img|image|iframe|video|audio|source|embed|object|script|link)\b[^<>]{0,200}(?:src|href|data)\s{0,4}=\s{0,4}["']?$/i,
  ],
  ['(', /^\(\s{0,4}["']?$/],
]
const OPENS = /["'=(<]\s{0,4}$/
const CSS = /\burl$/i
/** How far before an address its surroundings are looked at. */
const BEFORE = 240
/** A name begins less than this before the pass notices that it is long. */
const AROUND = 40
/** Between names, between hosts, and what ends the name of a file. */
const NO_NAME = /[^\w.=+-]+/
const NO_HOST = /[=+]+/
const SUFFIX = /\.(?:txt|csv|json|png|jpe?g|gif|pdf|log|md|zip|html?)\b/gi
/** Of a host that holds data. */
const SHORTEST_NAME = 34
const SHORTEST_FILE = 48
const LONGEST_FILE = 200
const TOP_LEVEL = /^[a-z]{2,18}(?![a-z0-9_])/i

/** Shapes in which data leaves: in an address, in what a viewer loads by itself, in names that are looked up, in a file's name. */
export const exfiltration: Detector = {
  name: NAME,
  reads: 'views',
  isPass: false,
  suspects: (survey) => survey.text.length >= 24 && (survey.met(ADDRESS) || survey.isFlagged(LONG_NAME)),
  inspect(survey) {
    const what = new Set<string>()
    const most = MAX_URLS + survey.text.length / PER_URL
    let urls = 0
    for (const [url, index] of addressesIn(survey)) {
      if (url.length < SHORTEST_WITH_DATA) continue
      if (++urls > most) {
        what.add('more addresses than are looked at')
        break
      }
      const data = dataIn(url)
      if (data.length === 0) continue
      const isLoaded = isLoadedBy(survey.text.slice(Math.max(0, index - BEFORE), index))
      if (isLoaded && !data.every(isPlainName)) what.add('data in a loaded resource')
      else if (data.some(isPayload)) what.add('data in an address')
    }
    if (survey.isFlagged(LONG_NAME)) {
      for (const name of survey
        .pieces(survey.stretches(LONG_NAME, AROUND, AROUND))
        .flatMap((piece) => piece.split(NO_NAME))) {
        if (name.length < SHORTEST_NAME || !name.includes('.')) continue
        if (name.split(NO_HOST).some(isTunnel)) what.add('data in a host name')
        if (filesIn(name).some(isDense)) what.add('data in a file name')
      }
    }
    return what.size === 0
      ? undefined
      : { detector: NAME, what: [...what].sort().join(', '), severity: 'escalate' }
  },
}

/** Each address once, where the pass has met the beginning of one. */
function* addressesIn(survey: Survey): Iterable<readonly [url: string, index: number]> {
  let end = 0
  for (const span of survey.around(ADDRESS, LONGEST_BEGINNING, 1)) {
    for (const { index } of survey.text.slice(span.start, span.end).matchAll(BEGINNING)) {
      const at = span.start + index
      if (at < end) continue
      URL_HERE.lastIndex = at
      const url = URL_HERE.exec(survey.text)?.[0]
      if (url === undefined) continue
      end = at + url.length
      yield [url, at]
    }
  }
}

/** Whether what is before an address makes a viewer fetch it. */
const isLoadedBy = (before: string): boolean =>
  OPENS.test(before.slice(-5)) &&
  LOADED.some(([begins, pattern]) => {
    const at = before.lastIndexOf(begins)
    return (
      at >= 0 &&
      pattern.test(before.slice(at)) &&
      (begins !== '(' || CSS.test(before.slice(Math.max(0, at - 4), at)))
    )
  })

/** Values of the query, and the fragments of the path, that are long enough to hold data. */
function dataIn(url: string): string[] {
  const parts: string[] = []
  let start = 0
  let isQuery = false
  let isName = false
  for (let at = url.indexOf('://') + 3; at <= url.length; at++) {
    const char = url[at]
    if (char === undefined || char === '?' || char === '#' || char === (isQuery ? '&' : '/')) {
      // What ends first is the host.
      if (start > 0 && at - start >= SHORTEST_DATA) parts.push(url.slice(start, at))
      isQuery ||= char === '?' || char === '#'
      isName = isQuery
      start = at + 1
    } else if (isName && char === '=') {
      isName = false
      start = at + 1
    }
  }
  return parts
}

/** Words of a path, digests and identifiers in hexadecimal are what addresses are made of. */
const isPlainName = (part: string): boolean =>
  /^[0-9a-f-]{8,64}$/i.test(part) || /^[a-z0-9]{1,24}(?:[-_.][a-z0-9]{1,24}){0,16}$/i.test(part)

const isDense = (part: string): boolean =>
  part.length >= 40 && /[a-z]/.test(part) && /[A-Z]/.test(part) && /\d/.test(part) && entropy(part) >= 4.3

const isPayload = (part: string): boolean =>
  part.length > 300 || (isDense(part) && !isPlainName(part)) || /^[0-9a-f]{80,}$/i.test(part)

/** What stands before the ending of a file and has no dot. */
function filesIn(name: string): string[] {
  const files: string[] = []
  let from = 0
  for (const { index } of name.matchAll(SUFFIX)) {
    const start = Math.max(from, name.lastIndexOf('.', index - 1) + 1, index - LONGEST_FILE)
    if (index - start >= SHORTEST_FILE) files.push(name.slice(start, index))
    from = index + 1
  }
  return files
}

/** Of the labels of a host, the last two are not looked at; so many of those before are what one look-up can hold. */
const LABELS = 11

/** Names people give to hosts are short; nearly all of a looked-up message is in the labels below. */
function isTunnel(name: string): boolean {
  const labels = name.split('.')
  const data = labels.slice(0, Math.max(0, labels.findLastIndex((label) => TOP_LEVEL.test(label)) - 1))
  let sum = 0
  for (const [i, label] of data.entries()) {
    if (label.length >= 32 && label.length <= 63 && !label.includes('-') && /\d/.test(label)) return true
    sum += label.length - (i < LABELS ? 0 : (data[i - LABELS] as string).length)
    if (sum > 90 && label.length <= 63) return true
  }
  return false
}
