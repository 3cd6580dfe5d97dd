const digitsOf = (text: string): number[] => [...text.replace(/\D/g, '')].map(Number)

/** Payment cards, and NPI with its prefix. */
export function luhn(text: string): boolean {
  let count = 0
  let sum = 0
  for (let at = text.length - 1; at >= 0; at--) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) continue
    const value = count % 2 === 1 ? digit * 2 : digit
    sum += value > 9 ? value - 9 : value
    count++
  }
  return count > 1 && sum % 10 === 0
}

/** National Provider Identifier: ten digits whose check digit counts the prefix 80840. */
export const isNpi = (text: string): boolean => /^[12]\d{9}$/.test(text) && luhn(`80840${text}`)

/** ISO 13616: the first four characters last, letters as two digits, modulo 97. */
export function isIban(text: string): boolean {
  const plain = text.replace(/\s/g, '')
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(plain)) return false
  let rest = 0
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt((i + 4) % plain.length)
    const value = code < 58 ? code - 48 : code - 55
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

/** NHS number: weights 10 to 2, modulo 11. */
export function isNhs(text: string): boolean {
  const digits = digitsOf(text)
  if (digits.length !== 10) return false
  const sum = digits.slice(0, 9).reduce((total, digit, i) => total + digit * (10 - i), 0)
  return (11 - (sum % 11)) % 11 === digits[9]
}
