import type { Detector } from '../detector.ts'
import { Needles } from '../needles.ts'

const NAME = 'known-secrets'

/** A secret of this gateway in content: as it is, or in base64, URL or hexadecimal form. */
export function knownSecrets(secrets: () => ReadonlyMap<string, string>): Detector {
  let cachedFor: ReadonlyMap<string, string> = new Map()
  let needles = new Needles([])
  return {
    name: NAME,
    reads: 'views',
    isPass: true,
    begin() {
      const now = secrets()
      if (same(cachedFor, now)) return
      needles = new Needles([...now].flatMap(([name, value]) => forms(value, name)))
      cachedFor = new Map(now)
    },
    suspects: () => needles.size > 0,
    inspect(survey) {
      const name = needles.firstIn(survey.text)
      return name === undefined ? undefined : { detector: NAME, what: name, severity: 'refuse' }
    },
  }
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) if (b.get(name) !== value) return false
  return true
}

/** Base64 depends on where in the encoded text the secret begins: the part that is the same for each of the three offsets. */
function forms(secret: string, name: string): { text: string; name: string; anyCase: boolean }[] {
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
  return [...new Set(all)].map((text) => ({ text, name, anyCase: /^[0-9a-f]+$/.test(text) }))
}
