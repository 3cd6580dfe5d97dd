import type { Json } from '../../model/json.ts'
import { isObject } from '../../model/json.ts'
import type { Report } from './finding.ts'
import type { DefinitionText } from './texts.ts'

const LONG = { prose: 2000, argument: 800, value: 300, key: 80 }

/** Longer than people read, where a few words would do. */
export function longText({ path, text, role }: DefinitionText, report: Report): void {
  const isArgument = role === 'prose' && path.includes('properties.')
  const limit = isArgument ? LONG.argument : LONG[role]
  if (text.length > limit)
    report('long-text', 'note', path, `it is ${text.length} characters long, which few people read`)
}

const WEB = /\b(?:https?|wss?|ftp):\/\/([^\s/?#"'<>]{1,200})/i
const MAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}/
const HARMLESS = /^(?:localhost|127\.0\.0\.1|\[::1\]|(?:[\w-]+\.)?example\.(?:com|org|net))(?::\d+)?$/i
const CARRIES_OFF =
  /(?:^|[_\-.])(?:b?cc|web_?hook|callback|notify|forward|upload|collector|telemetry|report|log|mirror|backup|proxy|sync)(?:[_\-.]|$)/i

/** An address that a model would pass on without anybody having asked for it. */
export function addressInValue({ path, text, role }: DefinitionText, report: Report): void {
  if (role !== 'value') return
  const host = WEB.exec(text)?.[1]
  const address = host ?? MAIL.exec(text)?.[0]
  if (address === undefined || HARMLESS.test(address.split('@').at(-1) as string)) return
  const argument = path.replace(/([a-z])([A-Z])/g, '$1_$2')
  const level = CARRIES_OFF.test(argument) || host?.includes('@') ? 'high' : 'note'
  report('address-in-default', level, path, `a value that models copy is an address, \`${address}\``)
}

/** Nothing but the conversation can go there. */
const ASKS_FOR_ALL =
  /^(?:side_?notes?|(?:conversation|chat|message|dialog(?:ue)?)_?(?:history|log|context|transcript)|previous_?messages|system_?prompt|full_?(?:context|conversation)|(?:agent|model|assistant|llm)_?(?:context|notes?|thoughts?|reasoning|memory|instructions))$/i
const MAY_ASK_FOR_ALL =
  /^(?:context|metadata|conversation|history|transcript|memory|thoughts?|reasoning|extra|additional_?(?:info|context|data))$/i

/** Free texts into which a model would put what it knows, at any depth of an input schema. */
export function freeContext(schema: Json | undefined, path: string, report: Report): void {
  if (!isObject(schema)) return
  for (const [key, member] of Object.entries(schema)) {
    if (key === 'properties' && isObject(member)) {
      for (const [name, property] of Object.entries(member)) {
        const at = `${path}.properties.${name}`
        if (isFreeText(property)) {
          const plain = name.replace(/-/g, '_')
          const level = ASKS_FOR_ALL.test(plain) ? 'high' : MAY_ASK_FOR_ALL.test(plain) ? 'note' : undefined
          if (level) report('free-context', level, at, 'a free text that invites what the model knows')
        }
        freeContext(property, at, report)
      }
    } else if (Array.isArray(member)) {
      for (const [at, item] of (member as readonly Json[]).entries())
        freeContext(item, `${path}.${key}.${at}`, report)
    } else freeContext(member, `${path}.${key}`, report)
  }
}

const SHORT_TEXT = 100

function isFreeText(property: Json | undefined): boolean {
  if (!isObject(property)) return false
  const { type, maxLength } = property
  const isText = type === undefined || [type].flat().includes('string')
  const isBound = ['enum', 'const', 'format', 'pattern', 'properties', '$ref', 'anyOf', 'oneOf'].some(
    (key) => property[key] !== undefined,
  )
  return isText && !isBound && !(typeof maxLength === 'number' && maxLength <= SHORT_TEXT)
}
