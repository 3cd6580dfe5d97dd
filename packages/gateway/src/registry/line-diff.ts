const WIDTH = 160
const MAX_LINES = 400
const MAX_CELLS = 1_000_000

/**
 * Changed lines of two texts, marked `- ` and `+ `, with one unchanged line (`  `) around each change. Sentences of a long line
 * count as lines, so that one changed word does not show a whole paragraph twice.
 */
export function diffLines(before: string, after: string): readonly string[] {
  const marked = compare(split(before), split(after))
  const near = (at: number) =>
    [at - 1, at, at + 1].some((i) => marked[i] !== undefined && !marked[i].startsWith(' '))
  const out: string[] = []
  let skipped = false
  for (const [at, line] of marked.entries()) {
    if (near(at)) {
      if (skipped && out.length > 0) out.push('  …')
      out.push(line)
      skipped = false
    } else skipped = true
    if (out.length >= MAX_LINES) return [...out, '  … (more is left out)']
  }
  return out
}

function split(text: string): readonly string[] {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    if (line.length <= WIDTH) lines.push(line)
    else
      for (const sentence of line.split(/(?<=[.!?;] )/)) {
        for (let at = 0; at < sentence.length; at += WIDTH) lines.push(sentence.slice(at, at + WIDTH))
      }
  }
  return lines
}

/** Longest common subsequence between the common head and tail; beyond a bound everything in between counts as replaced. */
function compare(old: readonly string[], now: readonly string[]): readonly string[] {
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head++
  let tail = 0
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail))
    tail++
  const a = old.slice(head, old.length - tail)
  const b = now.slice(head, now.length - tail)
  return [
    ...old.slice(0, head).map((line) => `  ${line}`),
    ...between(a, b),
    ...old.slice(old.length - tail).map((line) => `  ${line}`),
  ]
}

function between(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.length * b.length > MAX_CELLS)
    return [...a.map((line) => `- ${line}`), ...b.map((line) => `+ ${line}`)]
  const width = b.length + 1
  const common = new Uint32Array((a.length + 1) * width)
  const cell = (i: number, j: number) => common[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j] ? cell(i + 1, j + 1) + 1 : Math.max(cell(i + 1, j), cell(i, j + 1))
    }
  }
  const out: string[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(`  ${a[i]}`)
      i++
      j++
    } else if (i < a.length && (j === b.length || cell(i + 1, j) >= cell(i, j + 1))) out.push(`- ${a[i++]}`)
    else out.push(`+ ${b[j++]}`)
  }
  return out
}
