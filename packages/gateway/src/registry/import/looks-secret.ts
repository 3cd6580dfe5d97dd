const SECRET_NAME =
  /token|secret|passw|passphrase|pwd|api.?key|access.?key|private.?key|auth(?!or)|credential|cookie|session|bearer|conn(?:ection)?.?str|dsn|(?:^|[_-])key(?:$|[_-])|(?:^|[_-])pat(?:$|[_-])/i

/** Beginnings that issuers give their secrets, so that people and scanners know them. */
const ISSUED =
  /^(?:sk-|sk_|pk_|rk_|gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|xapp-|AKIA|ASIA|AIza|ya29\.|eyJ[A-Za-z0-9_-]{8}|npm_|pypi-|hf_|shpat_|SG\.|dop_v1_|lin_api_|ntn_|secret_|-----BEGIN )/

const SCHEME = /^(?:bearer|basic|token|apikey)\s+\S/i
const PATH = /^(?:\.{0,2}[/\\]|~[/\\]|[A-Za-z]:[/\\])/

/** Whether a variable, header or option of this name usually holds a secret. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(name)

/**
 * Whether a literal looks like a secret, by its name or its shape. Rather once too often: a setting that is sealed still works,
 * a secret that is not sealed stays in a file.
 */
export function looksSecret(name: string, value: string): boolean {
  if (value === '') return false
  if (ISSUED.test(value) || SCHEME.test(value) || hasUrlSecret(value)) return true
  if (PATH.test(value) || /^(?:true|false)$/i.test(value)) return false
  return isSecretName(name) || isRandom(value)
}

/** `scheme://user:password@host`, or a query parameter with a secret name. */
export function hasUrlSecret(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url?.host) return false
  if (url.password !== '') return true
  return [...url.searchParams].some(([name, text]) => looksSecret(name, text))
}

/** At least 20 characters of one word with letters and digits and more than 3.5 bits in each. */
function isRandom(value: string): boolean {
  if (value.length < 20 || value.length > 4096 || !/^[A-Za-z0-9+/=_.~-]+$/.test(value)) return false
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value) || /^[@a-z0-9-]+(?:[./][a-z0-9-]+)+$/.test(value))
    return false
  const counts = new Map<string, number>()
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length)
  return bits > 3.5
}
