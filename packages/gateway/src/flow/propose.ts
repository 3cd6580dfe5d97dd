import type { Labels, Sink } from '../config/label-schema.ts'
import type { JsonObject } from '../model/json.ts'
import { isObject } from '../model/json.ts'
import type { Effect } from './labels.ts'

/** A definition as its server gives it: a claim of that server. */
export interface Definition {
  readonly name: string
  readonly description: string
  readonly inputSchema: unknown
}

/** A label for a person to read and correct, with what it was read from. */
export interface Proposal {
  readonly tool: string
  readonly label: Partial<Labels[string]> & Pick<Labels[string], 'effect'>
  /** What to look at before using it. */
  readonly check: readonly string[]
}

const EFFECTS: readonly (readonly [Effect, RegExp])[] = [
  ['destructive', /^(?:delete|remove|cancel|drop|purge|destroy|revoke|kick|wipe|clear|discard)$/],
  [
    'egress',
    /^(?:send|post|publish|share|invite|forward|reply|email|notify|upload|transfer|pay|tweet|comment|submit|broadcast|message|push|wire|announce|dm)$/,
  ],
  [
    'write',
    /^(?:create|update|set|add|append|write|edit|modify|schedule|reschedule|reserve|book|move|rename|save|insert|change|put|replace|make|register|assign|order|mark)$/,
  ],
  [
    'read',
    /^(?:get|list|search|find|read|fetch|check|describe|show|query|lookup|look|count|view|retrieve|browse|is|has|download|open)$/,
  ],
]

/** Who can see it afterwards makes a write an egress. */
const SHARING = /^(?:participants?|recipients?|attendees?|invitees?|members?|user|username|email)s?$/

const ARGUMENTS: readonly (readonly [Sink, RegExp])[] = [
  ['none', /^(?:limit|offset|page|page_size|cursor|sort|order_by|top_?k|n|max_results)$/],
  [
    'principal',
    /^(?:to|cc|bcc|(?:.*_)?(?:recipients?|users?|usernames?|user_?ids?|emails?|participants?|attendees?|invitees?|members?|assignees?|owners?|receivers?|beneficiary|iban|account|payee|phone(?:_number)?))$/,
  ],
  ['url', /(?:^|_)(?:urls?|uris?|links?|href|webhook|endpoint|website)$/],
  ['amount', /(?:^|_)(?:amount|price|sum|total|quantity|value)$/],
  ['path', /(?:^|_)(?:path|filepath|directory|folder|destination|source)$/],
  [
    'content',
    /(?:^|_)(?:body|content|text|message|description|notes?|comment|html|markdown|details|memo|reason|subject|location|address)$/,
  ],
  ['topic', /(?:^|_)(?:title|summary|headline|topic)$/],
]
const HANDLE = /^(?:(.+)_)?ids?_?$/

/** What only the organisation itself can have written, most likely. */
const TRUSTED =
  /(?:^|_)(?:contacts?|directory|current|today|now|time|clock|balance|profile|info|information|settings|own|my)(?:_|$)/
const SECRET =
  /(?:^|_)(?:profile|user_info|user_information|personal|passport|credentials?|secrets?|salary|account|iban|balance)(?:_|$)/
const PHI =
  /(?:^|_)(?:patients?|charts?|encounters?|observations?|medications?|diagnos\w+|labs?|allerg\w+)(?:_|$)/
const FILLER =
  /^(?:by|for|of|in|to|from|with|all|the|a|an|new|and|most|recent|day|unread|sent|received|draft|name|names|id|up)$/

/** Labels for the tools of one server, from nothing but their names, descriptions and schemas. */
export function proposeLabels(server: string, definitions: readonly Definition[]): Proposal[] {
  return definitions
    .filter(({ name }) => /^.{1,200}$/.test(name))
    .map((definition) => propose(server, definition))
}

function propose(server: string, { name, description, inputSchema }: Definition): Proposal {
  const words = wordsOf(name)
  const names = argumentsOf(inputSchema)
  const said =
    effectOf(words) ??
    verbsIn(description)
      .map((word) => effectOf([word]))
      .find((found) => found !== undefined)
  const sharing = said === 'write' && names.some(([argument]) => SHARING.test(snake(argument)))
  const effect: Effect = sharing ? 'egress' : (said ?? 'egress')
  const thing = singular(words.slice(1).find((word) => !FILLER.test(word)) ?? server)
  const labelled = names.flatMap(([argument, schema]): [string, { sink: Sink; of?: string }][] => {
    const found = sinkOf(argument, schema, thing)
    // Searching tells a server what is looked for and changes nothing; where it is looked for matters.
    if (effect === 'read' && found.sink !== 'url' && found.sink !== 'path') return []
    return [[isList(schema) ? `${argument}[*]` : argument, found]]
  })
  const sinks = new Set(labelled.map(([, { sink }]) => sink))
  const resolvers = [
    ...(sinks.has('handle') ? (['named-record', 'own-object'] as const) : []),
    ...(sinks.has('principal') ? (['listed-in-record', 'counterparty'] as const) : []),
    ...(effect === 'read' && sinks.has('url') ? (['seen-url'] as const) : []),
  ]
  const joined = words.join('_')
  const verb = effectOf(words.slice(0, 1)) && words[0]
  const trusted = effect === 'read' && TRUSTED.test(joined)
  const confidentiality = PHI.test(joined) ? 'phi' : SECRET.test(joined) ? 'secret' : undefined
  return {
    tool: `${server}/${name}`,
    label: {
      effect,
      place: thing.slice(0, 60),
      ...(labelled.length === 0 ? {} : { arguments: Object.fromEntries(labelled) }),
      ...(trusted || confidentiality
        ? {
            result: {
              ...(trusted ? { integrity: 'trusted' as const } : {}),
              ...(confidentiality ? { confidentiality } : {}),
            } as Labels[string]['result'],
          }
        : {}),
      ...(resolvers.length === 0 ? {} : { resolvers }),
      ...(effect === 'read' || verb === undefined ? {} : { intent: intentOf(verb) }),
    },
    check: [
      ...(said === undefined ? ['its name does not say what it does, so it counts as egress'] : []),
      ...(sharing ? ['what it writes is shared with others'] : []),
      ...(trusted
        ? ['trusted only if nobody outside can write what it returns, not even a display name']
        : []),
      ...(effect === 'read' && !trusted
        ? [
            `if it lists objects that others name by id, say under result.records where id, names and people are`,
          ]
        : []),
      ...(names.some(([argument, schema]) => sinkOf(argument, schema, thing).sink === 'value') &&
      effect !== 'read'
        ? ['arguments labelled `value` must be said by the person; use `none` where a wrong one does no harm']
        : []),
    ],
  }
}

/** `Deletes the mail …` says delete. Only looked at where the name says nothing. */
const verbsIn = (description: string): string[] =>
  wordsOf(description.slice(0, 100)).flatMap((word) => [
    word,
    word.replace(/s$/, ''),
    word.replace(/es$/, ''),
  ])

const wordsOf = (name: string): string[] => snake(name).split('_').filter(Boolean)

/** `sendMail`, `send-mail` and `send.mail` are `send_mail`. */
const snake = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase()

/** What the verbs of a name say, the strongest first, so that `search_and_delete` is destructive. A noun such as `email` is no verb. */
function effectOf(words: readonly string[]): Effect | undefined {
  const verbs = words.filter((_, i) => i === 0 || words[i - 1] === 'and' || words[i - 1] === 'or')
  return EFFECTS.find(([, known]) => verbs.some((word) => known.test(word)))?.[0]
}

function argumentsOf(schema: unknown): [string, JsonObject][] {
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {}
  return Object.entries(properties).flatMap(([name, value]) =>
    /^[^.[\]*\s$]{1,100}$/.test(name) ? [[name, isObject(value) ? value : {}]] : [],
  )
}

const alternatives = (schema: JsonObject): readonly JsonObject[] =>
  [schema, ...(Array.isArray(schema.anyOf) ? (schema.anyOf as unknown[]) : [])].filter(isObject)

const isList = (schema: JsonObject): boolean => alternatives(schema).some(({ type }) => type === 'array')

function sinkOf(argument: string, schema: JsonObject, thing: string): { sink: Sink; of?: string } {
  const name = snake(argument)
  const id = HANDLE.exec(name)
  if (id) return { sink: 'handle', of: kind(id[1] ?? thing) }
  if (alternatives(schema).some(({ format }) => format === 'uri')) return { sink: 'url' }
  return { sink: ARGUMENTS.find(([, pattern]) => pattern.test(name))?.[0] ?? 'value' }
}

const singular = (word: string): string => (/[^s]s$/.test(word) ? word.slice(0, -1) : word)

function kind(text: string): string {
  const name = text.replaceAll('_', '-').replace(/s$/, '').slice(0, 40)
  return /^[a-z][a-z0-9-]*$/.test(name) ? name : 'object'
}

/** The verb, and what people say instead. */
function intentOf(verb: string): string[] {
  return [...new Set([verb, ...(SYNONYMS.find((group) => group.includes(verb)) ?? [])])]
}

const SYNONYMS: readonly (readonly string[])[] = [
  [
    'send',
    'mail',
    'e-mail',
    'message',
    'write',
    'reply',
    'forward',
    'tell',
    'inform',
    'let',
    'text',
    'say',
    'post',
  ],
  ['post', 'publish', 'upload', 'share', 'write', 'announce', 'send'],
  ['invite', 'add', 'share'],
  ['create', 'add', 'make', 'schedule', 'set up', 'book', 'plan', 'write', 'new'],
  ['add', 'invite', 'include', 'put', 'join'],
  ['append', 'add', 'write', 'put'],
  ['update', 'change', 'edit', 'set', 'adjust', 'correct', 'move'],
  ['reschedule', 'move', 'shift', 'postpone', 'change'],
  ['delete', 'remove', 'clear', 'clean', 'trash', 'get rid'],
  ['remove', 'delete', 'kick', 'take', 'drop'],
  ['cancel', 'delete', 'remove', 'call off'],
  ['reserve', 'book'],
  ['pay', 'send', 'transfer', 'settle', 'refund'],
  ['schedule', 'plan', 'set up', 'pay', 'send'],
  ['share', 'send', 'give', 'grant'],
  ['transfer', 'pay', 'send', 'move'],
]
