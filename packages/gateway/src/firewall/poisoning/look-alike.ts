import { foldConfusables } from '../views/confusables.ts'

/** A letter before it makes a look-alike letter count as disguised also in a name of one script. */
const fold = (char: string): string => foldConfusables(`a${char}`).slice(1)

const SIGNS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '5': 's',
  '8': 'b',
  i: 'l',
  '|': 'l',
}

/** What a name looks like at a glance. */
function skeleton(name: string): string {
  const letters = [...name.normalize('NFKC').replace(/[\p{Cf}\p{DI}]/gu, '')].map(fold).join('').toLowerCase()
  return letters
    .replace(/[013 58|i]/g, (sign) => SIGNS[sign] ?? sign)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
}

const plain = (name: string): string => name.replace(/[_\-.\s]/g, '').toLowerCase()

/** How one name could be taken for the other; undefined when they are the same or apart enough. */
export function likeness(a: string, b: string): 'confusable' | 'misspelt' | 'close' | undefined {
  if (a === b || Math.abs(a.length - b.length) > 4) return undefined
  // Other separators are a matter of taste; letters of another case in an otherwise equal name hardly.
  if (a.toLowerCase() === b.toLowerCase()) return 'confusable'
  if (plain(a) === plain(b)) return 'close'
  if (skeleton(a) === skeleton(b)) return 'confusable'
  const distance = editDistance(plain(a), plain(b))
  const shorter = Math.min(a.length, b.length)
  if (distance > 2 || shorter < (distance === 1 ? 5 : 8)) return undefined
  return isMisspelling(a, b) ? 'misspelt' : 'close'
}

const MAX_COMPARED = 100

/** Insertions, deletions, replacements and swaps of neighbours; 3 stands for more than two. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2 || Math.max(a.length, b.length) > MAX_COMPARED) return 3
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1)
      row.push(cost)
    }
    if (Math.min(...row) > 2) return 3
    before = last
    last = row
  }
  return last[b.length] as number
}

const VERBS =
  /^(?:get|set|put|add|post|list|last|read|load|send|save|move|make|find|edit|open|close|start|stop|create|update|delete|remove|search|fetch|write|run)$/

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_\-.\s]+/)

/** Words that are a letter off, rather than other words, plurals or versions. */
function isMisspelling(a: string, b: string): boolean {
  const [left, right] = [wordsOf(a), wordsOf(b)]
  if (left.length !== right.length) return editDistance(a.toLowerCase(), b.toLowerCase()) === 1
  return left.every((one, at) => {
    const other = right[at] as string
    if (one === other) return true
    const isOther = VERBS.test(one) && VERBS.test(other)
    const isPlural = `${one}s` === other || `${other}s` === one
    const isVersion = one.replace(/v?\d+$/, '') === other.replace(/v?\d+$/, '')
    if (isOther || isPlural || isVersion || Math.min(one.length, other.length) < 4) return false
    return editDistance(one, other) === 1
  })
}
