const SCHEME = /^[A-Za-z][A-Za-z0-9-]* +(\S+)$/
const BASIC = /^basic +(\S+)$/i

/**
 * A secret as it is configured, and the secrets in it: a server that echoes says `sk-…` where the header said `Bearer sk-…`, and the password
 * where there was a connection string.
 */
export function secretParts(value: string): readonly string[] {
  const parts = new Set([value])
  const bare = SCHEME.exec(value.trim())?.[1]
  if (bare !== undefined) parts.add(bare)
  const basic = BASIC.exec(value.trim())?.[1]
  if (basic !== undefined) {
    const plain = Buffer.from(basic, 'base64').toString('utf8')
    parts.add(plain)
    parts.add(plain.slice(plain.indexOf(':') + 1))
  }
  const url = value.includes('://') ? URL.parse(value) : null
  if (url?.password) {
    parts.add(url.password)
    parts.add(decoded(url.password))
  }
  return [...parts]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
