import type { Detector } from '../detector.ts'
import { entropy } from '../entropy.ts'

const NAME = 'exfiltration'
const MAX_URLS = 200

const URL_IN_TEXT = /\bhttps?:\/\/[^\s"'<>()[\]{}|\\^`]{4,4096}/gi
/** What is fetched without anyone clicking it. */
const LOADED =
  /!\[[^\]\n]{0,200}\]\(\s{0,4}<?$|<(?:img|image|iframe|video|audio|source|embed|object|script|link)\b[^<>]{0,200}(?:src|href|data)\s{0,4}=\s{0,4}["']?$|\burl\(\s{0,4}["']?$/i
/** How far before an address its surroundings are looked at. */
const BEFORE = 240
/** No host or file name that holds data is without such a run. */
const LONG_NAME = /[\w.=+-]{34}/
const HOST = /\b(?:[a-z0-9_-]{1,63}\.){2,12}[a-z]{2,18}\b/gi
const FILE =
  /(?<![A-Za-z0-9+=_-])[A-Za-z0-9+=_-]{48,200}\.(?:txt|csv|json|png|jpe?g|gif|pdf|log|md|zip|html?)\b/gi

/** Shapes in which data leaves: in an address, in what a viewer loads by itself, in names that are looked up, in a file's name. */
export const exfiltration: Detector = {
  name: NAME,
  reads: 'views',
  extent: 'beginning',
  suspects: (text) => text.length >= 24 && /\.[a-z]/i.test(text),
  inspect(text) {
    const what = new Set<string>()
    let urls = 0
    for (const { 0: url, index } of text.matchAll(URL_IN_TEXT)) {
      if (++urls > MAX_URLS) break
      const data = dataIn(url)
      const isLoaded = LOADED.test(text.slice(Math.max(0, index - BEFORE), index))
      if (isLoaded && data.some((part) => part.length >= 24 && !isPlainName(part)))
        what.add('data in a loaded resource')
      else if (data.some(isPayload)) what.add('data in an address')
    }
    if (LONG_NAME.test(text)) {
      for (const [host] of text.matchAll(HOST)) if (isTunnel(host)) what.add('data in a host name')
      for (const [name] of text.matchAll(FILE)) if (isDense(name)) what.add('data in a file name')
    }
    return what.size === 0
      ? undefined
      : { detector: NAME, what: [...what].sort().join(', '), severity: 'escalate' }
  },
}

/** Values of the query, and the fragments of the path. */
function dataIn(url: string): string[] {
  const [address = '', ...query] = url.split(/[?#]/)
  return [
    ...address.split('/').slice(3),
    ...query.flatMap((part) => part.split('&').map((pair) => pair.slice(pair.indexOf('=') + 1))),
  ]
}

/** Words of a path, digests and identifiers in hexadecimal are what addresses are made of. */
const isPlainName = (part: string): boolean =>
  /^[0-9a-f-]{8,64}$/i.test(part) || /^[a-z0-9]{1,24}(?:[-_.][a-z0-9]{1,24}){0,16}$/i.test(part)

const isDense = (part: string): boolean =>
  part.length >= 40 && /[a-z]/.test(part) && /[A-Z]/.test(part) && /\d/.test(part) && entropy(part) >= 4.3

const isPayload = (part: string): boolean =>
  part.length > 300 || (isDense(part) && !isPlainName(part)) || /^[0-9a-f]{80,}$/i.test(part)

/** Names people give to hosts are short; nearly all of a looked-up message is in the labels below. */
function isTunnel(host: string): boolean {
  const labels = host.split('.').slice(0, -2)
  return (
    labels.some((label) => label.length >= 32 && !label.includes('-') && /\d/.test(label)) ||
    labels.join('').length > 90
  )
}
