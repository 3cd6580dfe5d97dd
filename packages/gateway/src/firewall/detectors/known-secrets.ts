import type { Detector } from '../detector.ts'

const NAME = 'known-secrets'

/** A secret of this gateway in content: as it is, or in base64, URL or hexadecimal form. */
export function knownSecrets(secrets: () => ReadonlyMap<string, string>): Detector {
  let cachedFor: ReadonlyMap<string, string> | undefined
  let needles: readonly (readonly [needle: string, name: string])[] = []
  const current = () => {
    const now = secrets()
    if (!cachedFor || !same(cachedFor, now)) {
      needles = [...now].flatMap(([name, value]) => forms(value).map((form) => [form, name] as const))
      cachedFor = new Map(now)
    }
    return needles
  }
  return {
    name: NAME,
    reads: 'views',
    extent: 'all',
    suspects: (text) => text.length >= 8 && current().length > 0,
    inspect(text) {
      const lower = text.toLowerCase()
      for (const [needle, name] of current()) {
        if (text.includes(needle) || (isHex(needle) && lower.includes(needle)))
          return { detector: NAME, what: name, severity: 'refuse' }
      }
      return undefined
    },
  }
}

const isHex = (text: string): boolean => /^[0-9a-f]+$/.test(text)

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value)
}

/** Base64 depends on where in the encoded text the secret begins: the part that is the same for each of the three offsets. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes])
    const whole = padded.toString('base64').replace(/=+$/, '')
    return whole.slice(Math.ceil((offset * 4) / 3), whole.length - 1)
  })
  const all = [
    secret,
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
    encodeURIComponent(secret),
    bytes.toString('hex'),
  ]
  return [...new Set(all)].filter((form) => form.length >= 8)
}
