import { reveal, withoutInvisible } from './reveal.ts'

/** Phrases that speak to the model rather than describe a tool. Every gap is bounded, so matching takes linear time. */
const PHRASES: readonly (readonly ['high' | 'note', RegExp])[] = [
  [
    'high',
    /\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|other|system|safety)\b/,
  ],
  [
    'high',
    /\b(?:do not|don't|never|without)\b.{0,30}\b(?:tell|mention|inform|reveal|show|notify|ask)\w{0,4}\b.{0,30}\b(?:user|person|human|anyone|them)\b/,
  ],
  ['high', /<\/?(?:important|system|secret|instructions?|hidden|admin|critical)\b[^>]{0,40}>/],
  [
    'high',
    /\b(?:read|send|include|attach|upload|pass|copy)\b.{0,60}(?:\.ssh\b|id_rsa|\.env\b|mcp\.json|credentials|api.?keys?\b|passwords?\b|private key)/,
  ],
  [
    'high',
    /\b(?:send|post|upload|forward|bcc)\b.{0,40}\b(?:conversation|chat history|system prompt|everything)\b/,
  ],
  ['high', /\byou (?:must|should|have to|need to)\b.{0,40}\b(?:first|always|before)\b/],
  [
    'note',
    /\b(?:before|after|instead of) (?:using|calling|running|you (?:use|call))\b.{0,60}\b(?:tool|function)s?\b/,
  ],
  ['note', /\b(?:always|only) (?:use|call|prefer|choose) this\b/],
  ['note', /!\[[^\]]{0,80}\]\(https?:|\bdata:[a-z]+\/|\bjavascript:/],
]

const SCANNED = 100_000

/** Phrases found, each pattern once, quoted with invisible characters shown. Look-alike forms are folded first (NFKC). */
export function phrasesIn(text: string): readonly { level: 'high' | 'note'; phrase: string }[] {
  if (text.length < 8) return []
  const plain = withoutInvisible(text.slice(0, SCANNED)).normalize('NFKC').replace(/\s+/g, ' ').toLowerCase()
  return PHRASES.flatMap(([level, pattern]) => {
    const match = pattern.exec(plain)
    return match ? [{ level, phrase: reveal(match[0]).slice(0, 120) }] : []
  })
}
