/**
 * A phrase or structure that speaks to a model. Matched on lower case with single spaces; every gap is bounded, and of two
 * gaps the first is taken once (`(?=(…))\1`), so that their lengths do not multiply.
 */
export interface InjectionRule {
  readonly name: string
  /** A text that matches has a word of each list, whatever its case and however many blanks are in it. */
  readonly words: readonly (readonly string[])[]
  readonly pattern: RegExp
}

const each = (before: readonly string[], after: readonly string[]): readonly string[] =>
  before.flatMap((first) => after.map((second) => `${first}${second}`))

const PRIOR =
  '(?:all |any |the |your |my |of |these |those |previous |prior |above |earlier |preceding |foregoing |initial |original |existing |other ){1,4}'

export const INJECTION_RULES: readonly InjectionRule[] = [
  {
    name: 'sets instructions aside',
    words: [['ignore ', 'disregard ', 'forget ', 'override ', 'discard ']],
    pattern: new RegExp(
      `\\b(?:ignore|disregard|forget|override|discard) ${PRIOR}(?:instructions?|directions|directives?|guidelines|prompts?|commands|orders|system prompt)\\b.{0,80}(?:[.:;!,\\n] ?|\\band )(?:now |instead |please |you |then |just )?(?:do|say|send|answer|reply|respond|output|print|reveal|tell|write|follow|call|use|run|execute|forward|delete|act|are|will|must|show|give|transfer|repeat)\\b`,
    ),
  },
  {
    name: 'marks of a chat template',
    words: [['<|', '[inst]', '[/inst]', '<<sys>>', '<</sys>>', '<start_of_turn>']],
    pattern:
      /<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[\/?inst\]|<<\/?sys>>|<start_of_turn>/,
  },
  {
    name: 'poses as the system',
    words: [
      [
        '<system>',
        '[system]',
        '###system',
        '### system',
        ...each(['system', 'system '], ['message', 'prompt', 'override', 'notice']),
      ],
    ],
    pattern:
      /(?:^|[\n>"]) ?(?:<system>|\[system\]|### ?system|system ?(?:message|prompt|override|notice) ?:)/,
  },
  {
    name: 'speaks to the model about the user',
    words: [['do not ', "don't ", 'never ', 'without '], ['the user']],
    pattern:
      /\b(?:do not|don't|never|without) (?:tell|telling|mention|mentioning|inform|informing|notify|notifying|alert|alerting|reveal|revealing|asking|ask)\b.{0,30}\bthe user\b/,
  },
  {
    name: 'speaks to whatever model reads it',
    words: [
      each(
        ['you are ', 'attention ', 'dear ', 'to ', 'for '],
        each(
          ['', 'a ', 'an ', 'the ', 'any ', 'all '],
          ['ai', 'llm', 'language model', 'chatbot', 'assistant model'],
        ),
      ),
    ],
    pattern:
      /\b(?:if you are|attention|dear|to|note to|instructions? (?:for|to)|message (?:for|to)) (?:an? |the |any |all )?(?:ai|llm|language model|ai assistant|ai agent|chatbot|assistant model|ai model)s?\b(?=(.{0,40}?(?:reading|processing|summari[sz]ing|handling|:|,)))\1.{0,100}\b(?:must|should|please|send|ignore|do not|forward|reply|say|include|first|call|you)\b/,
  },
  {
    name: 'puts a step before the task',
    words: [
      [
        'before you ',
        ...each(['before '], ['answering', 'continuing', 'proceeding', 'responding', 'finishing']),
      ],
      ['must', 'have to', 'need to', 'please', 'first', 'make sure'],
    ],
    pattern:
      /\bbefore (?:you (?:can )?(?:do|answer|continue|solve|finish|complete|proceed|respond|reply|start)|answering|continuing|proceeding|responding|finishing)\b(?=(.{0,60}?\b(?:you must|you have to|you need to|please|first|make sure to)\b))\1.{0,40}\b(?:send|forward|call|use|execute|run|transfer|delete|read|open|visit|e-?mail|do the following)\b/,
  },
  {
    name: 'asks for hidden instructions',
    words: [
      [
        ...each(['system '], ['prompt', 'message']),
        'instructions verbatim',
        ...each(['initial ', 'hidden '], ['instructions']),
        ...each(['text ', 'words '], ['above']),
      ],
    ],
    pattern:
      /\b(?:reveal|print|repeat|output|show|tell me|display|leak|dump|return) (?:me )?(?:all |the |your ){1,2}(?:full |entire |exact |hidden |initial |original |secret ){0,2}(?:system prompt|instructions verbatim|initial instructions|hidden instructions|system message|text above|words above)\b/,
  },
  {
    name: 'lifts restrictions',
    words: [
      each(
        ['unrestricted ', 'unfiltered ', 'jailbroken ', 'dan ', 'developer ', 'debug ', 'god '],
        ['mode', 'ai', 'model', 'assistant'],
      ),
    ],
    pattern:
      /\b(?:you are now|enter|switch to|enable|activate) (?:in )?(?:an? )?(?:unrestricted|unfiltered|jailbroken|dan|developer|debug|god) (?:mode|ai|model|assistant)\b.{0,120}\b(?:no|any|without|ignore|bypass|all|disabled?) (?:\w{1,20} )?(?:restrictions|rules|limits|filters|policies|guidelines|safeguards|restriction)\b/,
  },
]
