import { INJECTION_RULES } from '../detectors/injection-rules.ts'
import type { PoisoningCode, PoisoningFinding } from './finding.ts'

interface Phrase {
  readonly code: PoisoningCode
  readonly level: PoisoningFinding['level']
  readonly pattern: RegExp
}

const phrase = (code: PoisoningCode, level: PoisoningFinding['level'], pattern: RegExp): Phrase => ({
  code,
  level,
  pattern,
})

const KEYS =
  '(?:\\.ssh\\b|\\bid_(?:rsa|ed25519|ecdsa|dsa)\\b|\\.pem\\b|\\.env\\b|\\.netrc\\b|\\.npmrc\\b|\\.pypirc\\b|\\.git-credentials\\b|\\.aws\\b|\\.kube\\b|\\bmcp\\.json\\b|\\bclaude_desktop_config|credentials|api.?keys?\\b|access tokens?\\b|passwords?\\b|private keys?\\b)'

/**
 * Words that speak to the model rather than describe a tool. Matched on lower case with single spaces; every gap is bounded, so
 * matching takes linear time.
 */
const PHRASES: readonly Phrase[] = [
  ...INJECTION_RULES.map(({ pattern }) => phrase('injection', 'high', pattern)),
  phrase(
    'injection',
    'high',
    /\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|other|system|safety)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:do not|don't|never|without)\b.{0,30}\b(?:tell|mention|inform|reveal|show|notify|ask|alert)\w{0,4}\b.{0,30}\b(?:user|person|human|anyone|them)\b/,
  ),
  phrase('addresses-agent', 'high', /\b(?:the )?user (?:must|should|need) not (?:know|see|be told|learn)\b/),
  phrase(
    'addresses-agent',
    'high',
    /<\/?(?:important|system|secret|instructions?|hidden|admin|critical|assistant|priority)\b[^>]{0,40}>/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\byou (?:must|should|have to|need to)\b.{0,40}\b(?:first|always|before)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:before|after|instead of|prior to) (?:using|calling|running|invoking|you (?:use|call|run|invoke)) (?:any|all|every|other|another|each)\b.{0,30}\b(?:tools?|functions?|servers?)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:always|first|must) (?:call|invoke|run|use) (?:this|it)\b.{0,40}\b(?:before|first|instead of|prior to|whenever|for every|on every)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:the |an? )?(?:ai|agent|assistant|llm|language model) (?:reading|that reads|using|must|has to|is required to|should (?:always|first|also|never))\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:other|all other|every other) (?:tools?|servers?)\b.{0,40}\b(?:deprecated|unsafe|broken|insecure|not be used|must not|do not work|unavailable|compromised)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:send|post|upload|forward|bcc|pass|include|copy|put|paste)\b.{0,40}\b(?:conversation|chat history|system prompt|previous messages|message history|everything you know|full context)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:must|should|has to|have to|needs? to|is required to) (?:always |first )?be (?:called|run|invoked|used|executed)\b.{0,40}\b(?:first|before|prior to|ahead of)\b|\b(?:must|has to|should) be preceded by\b|\brequires\b.{0,60}\bto be (?:called|run|invoked|executed)\b.{0,20}\b(?:first|before)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\balways (?:call|run|execute|invoke)\b|\b(?:call|run|execute|invoke) \w{2,60}\(?\)? (?:first|before (?:any|every|each|all))\b/,
  ),
  phrase(
    'shadowing',
    'high',
    /\b(?!this )\w{2,60} (?:tools?|functions?|servers?) (?:has|have|was|were) (?:been |now )?(?:upgraded|deprecated|replaced|disabled|enhanced|superseded|moved|changed)\b|\b(?!this )\w{2,60} (?:tools?|functions?) now (?:requires?|needs?)\b/,
  ),
  phrase(
    'command',
    'high',
    /\brm -[rf]{1,2}\b|\bchmod (?:-r )?(?:[0-7]{3,4}|[+]x)\b|\bsudo (?:-\w|[a-z])|\b(?:curl|wget)\b.{0,200}\| ?(?:ba|z)?sh\b|\bwhoami\b|\bnc -e\b|\b(?:ba)?sh -[ci]\b|\bpowershell(?:\.exe)? -/,
  ),
  phrase(
    'command',
    'high',
    /\b(?:ld_preload|ld_library_path|pythonpath|node_options|bash_env|git_ssh_command|path)=\S|\bexport [a-z_]{3,60}=/,
  ),
  phrase(
    'command',
    'high',
    /\b(?:run|execute|enter|paste|type) (?:this|these|the following|a|the)? ?(?:system |shell |terminal )?commands?(?: first| before)? ?:|\b(?:run|execute|type|paste|enter) ['`"].{1,120}['`"] in (?:your|the|a) (?:terminal|shell|console|command line)\b/,
  ),
  phrase(
    'command',
    'note',
    /\b(?:run|execute|requires?|needs?|use)\b.{0,20}\b(?:root|admin(?:istrator)?|elevated|superuser)\b.{0,12}\b(?:access|privileges?|permissions?|mode|rights)\b/,
  ),
  phrase(
    'addresses-agent',
    'high',
    /\b(?:important|critical|mandatory|urgent|required|alert) ?[:!].{0,80}\bhttps?:\/\//,
  ),
  phrase('addresses-agent', 'note', /\b(?:critical|mandatory|urgent|alert) ?[:!]/),
  phrase(
    'addresses-agent',
    'note',
    /\b(?:world[’']s best|most (?:reliable|trusted|accurate)|best|industry[- ]standard|superior|#1)\b.{0,40}\btools?\b/,
  ),
  phrase(
    'sensitive-path',
    'high',
    new RegExp(
      `\\b(?:read|send|include|attach|upload|pass|copy|put|cat|load|paste|provide|fetch|open)\\b.{0,60}${KEYS}.{0,120}\\b(?:pass|send|include|as|into|to|in)\\b.{0,30}\\b(?:this|it|argument|parameter|side ?note|context|content|field|server|tool)\\b`,
    ),
  ),
  phrase(
    'sensitive-path',
    'high',
    /(?:~|\/home\/[^\s/]{1,40}|\/root|%userprofile%|\$home)[/\\]\.(?:ssh|aws|gnupg|kube|netrc|npmrc|docker|config\/gcloud|git-credentials|cursor|claude)\b|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\/etc\/(?:passwd|shadow|sudoers)\b|\bclaude_desktop_config|\.cursor\/mcp\.json|\.git-credentials\b|\.aws\/credentials|\.kube\/config/,
  ),
  phrase('sensitive-path', 'note', /(?:^|[\s/"'`(])\.(?:env|netrc|npmrc|pypirc)\b|\bmcp\.json\b|\.ssh\b/),
  phrase(
    'tool-markup',
    'high',
    /<\/?(?:tool|tool_call|tool_use|tool_result|tools|function|function_calls?|invoke|antml:[a-z_]{1,20})\b[^>]{0,80}>/,
  ),
  phrase('tool-markup', 'high', /"(?:inputschema|input_schema)" ?: ?\{/),
  phrase(
    'addresses-agent',
    'note',
    /\b(?:before|after|instead of) (?:using|calling|running|you (?:use|call))\b.{0,60}\b(?:tool|function)s?\b/,
  ),
  phrase('addresses-agent', 'note', /\b(?:always|only) (?:use|call|prefer|choose) this\b/),
  phrase('addresses-agent', 'note', /!\[[^\]]{0,80}\]\(https?:|\bdata:[a-z]+\/|\bjavascript:/),
]

/** Of each text; what follows is only counted. */
const SCANNED = 100_000

export interface PhraseFound extends Omit<Phrase, 'pattern'> {
  readonly words: string
}

/** Phrases in a text, the weightier of each code first. */
export function phrasesIn(text: string): readonly PhraseFound[] {
  if (text.length < 4) return []
  const lines = text
    .slice(0, SCANNED)
    .replace(/[^\S\n]+/g, ' ')
    .toLowerCase()
  const plain = lines.replaceAll('\n', ' ')
  return PHRASES.flatMap(({ code, level, pattern }) => {
    const match = pattern.exec(plain) ?? (plain === lines ? null : pattern.exec(lines))
    return match ? [{ code, level, words: match[0].trim().slice(0, 120) }] : []
  }).sort((a, b) => Number(b.level === 'high') - Number(a.level === 'high'))
}
