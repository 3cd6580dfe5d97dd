import { foldConfusables } from '../views/confusables.ts'

/** A name as it is compared: once prepared, telling most pairs apart costs next to nothing. */
export interface NameShape {
  readonly name: string
  readonly lower: string
  /** Without separators. */
  readonly plain: string
  /** What it looks like at a glance. */
  readonly skeleton: string
  /** How often each letter and digit is in {@link plain}. */
  readonly counts: Uint8Array
}

/** A letter before it makes a look-alike letter count as disguised also in a name of one script. */
const fold = (char: string): string => (char < '\u0080' ? char : foldConfusables(`a${char}`).slice(1))

const SIGNS: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'l',
  '3': 'e',
  '5': 's',
  '8': 'b',
  i: 'l',
  '|': 'l',
}
const BUCKETS = 37

export function shapeOf(name: string): NameShape {
  const lower = name.toLowerCase()
  const plain = lower.replace(/[_\-.\s]/g, '')
  const letters = [...name.normalize('NFKC').replace(/[\p{Cf}\p{DI}]/gu, '')].map(fold).join('').toLowerCase()
  const counts = new Uint8Array(BUCKETS)
  for (let i = 0; i < plain.length; i++) {
    const code = plain.charCodeAt(i)
    const bucket = code >= 97 && code <= 122 ? code - 97 : code >= 48 && code <= 57 ? code - 22 : BUCKETS - 1
    counts[bucket] = Math.min(255, (counts[bucket] as number) + 1)
  }
  return {
    name,
    lower,
    plain,
    skeleton: letters
      .replace(/[01358|i]/g, (sign) => SIGNS[sign] as string)
      .replaceAll('rn', 'm')
      .replaceAll('vv', 'w'),
    counts,
  }
}

const MAX_COMPARED = 100

/** A cheap necessary condition for {@link likeness}: one edit changes at most two counts. */
export function mayBeAlike(a: NameShape, b: NameShape): boolean {
  if (a.skeleton === b.skeleton || a.lower === b.lower) return true
  if (Math.abs(a.plain.length - b.plain.length) > 2) return false
  if (Math.max(a.plain.length, b.plain.length) > MAX_COMPARED) return false
  let difference = 0
  for (let i = 0; i < BUCKETS; i++) {
    difference += Math.abs((a.counts[i] as number) - (b.counts[i] as number))
    if (difference > 4) return false
  }
  return true
}

/** How one name could be taken for the other; undefined when they are the same or apart enough. */
export function likeness(a: NameShape, b: NameShape): 'confusable' | 'misspelt' | 'close' | undefined {
  if (a.name === b.name) return undefined
  // Other separators are a matter of taste; letters of another case in an otherwise equal name hardly.
  if (a.lower === b.lower) return 'confusable'
  if (a.plain === b.plain) return 'close'
  if (a.skeleton === b.skeleton) return 'confusable'
  const distance = editDistance(a.plain, b.plain)
  const shorter = Math.min(a.name.length, b.name.length)
  if (distance > 2 || shorter < (distance === 1 ? 5 : 8)) return undefined
  return isMisspelling(a.name, b.name) ? 'misspelt' : 'close'
}

/** Insertions, deletions, replacements and swaps of neighbours; 3 stands for more than two, so only a band has to be looked at. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => Math.min(j, 3))
  for (let i = 1; i <= a.length; i++) {
    const row = new Array<number>(b.length + 1).fill(3)
    if (i <= 2) row[0] = i
    let least = row[0] as number
    for (let j = Math.max(1, i - 2); j <= Math.min(b.length, i + 2); j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] as number) + 1)
      row[j] = Math.min(cost, 3)
      least = Math.min(least, cost)
    }
    if (least > 2) return 3
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
