import { invisibleIn, reveal, spelledByTags } from '../../lib/reveal.ts'
import type { Report } from './finding.ts'

const NOTE = /\[\/\/\]: ?# ?[("'](.{0,400})/
const UNSEEN =
  /display: ?none|font-size: ?0|visibility: ?hidden|color: ?(?:white|transparent|#fff(?:fff)?)\b/i
/** What follows is outside what a person sees of it. */
const GAP = /[^\S\n]{60}|(?:\n[^\S\n]{0,20}){12}/
const WORDS = /(?:\p{L}{2,20}[\s,.;:]{1,3}){3}\p{L}{2}/u
/** Decoders of forms in which nobody writes prose to a person. */
const ENCODED = new Set(['base64', 'hexadecimal', 'tags', 'variation selectors', 'escapes', 'rot13'])

/** Text that a model reads and a person who looks at the definition does not. */
export function hiddenText(path: string, text: string, report: Report): void {
  const invisible = invisibleIn(text)
  if (invisible.length > 0) {
    const spelled = spelledByTags(text)
    const says = spelled === '' ? '' : `; they spell “${spelled.slice(0, 200)}”`
    report(
      'hidden-text',
      'high',
      path,
      `it holds invisible characters: ${invisible.slice(0, 8).join(' ')}${says}`,
    )
  }
  const words = commentIn(text)
  if (WORDS.test(words))
    report('hidden-text', 'high', path, `a comment says “${reveal(words).slice(0, 120)}”`)
  if (UNSEEN.test(text) && /<[a-z]/i.test(text))
    report('hidden-text', 'high', path, 'it has markup that hides text')
  const gap = GAP.exec(text.trimEnd())
  if (gap)
    report('hidden-text', 'high', path, 'there is a long gap in it, so that what follows may be out of sight')
}

/** The first comment of HTML or Markdown; one that does not end goes to the end. */
function commentIn(text: string): string {
  const from = text.indexOf('<!--')
  if (from < 0) return NOTE.exec(text)?.[1] ?? ''
  const to = text.indexOf('-->', from)
  return text.slice(from + 4, to < 0 ? undefined : to).trim()
}

export function encodedText(path: string, text: string, via: readonly string[], report: Report): void {
  if (!via.some((name) => ENCODED.has(name)) || !WORDS.test(text)) return
  report('encoded-text', 'high', path, `as ${via.join(', then ')} it reads “${reveal(text).slice(0, 120)}”`)
}
