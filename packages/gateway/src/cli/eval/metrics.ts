/** Chance that a text of the first kind scores above one of the second; ties count half. Undefined when there are none of a kind. */
export function areaUnderCurve(
  positives: readonly number[],
  negatives: readonly number[],
): number | undefined {
  if (positives.length === 0 || negatives.length === 0) return undefined
  const all = [...positives.map((score) => [score, 1]), ...negatives.map((score) => [score, 0])] as [
    number,
    0 | 1,
  ][]
  all.sort(([a], [b]) => a - b)
  let rankSum = 0
  for (let from = 0; from < all.length; ) {
    let to = from
    while (to < all.length && (all[to] as [number, 0 | 1])[0] === (all[from] as [number, 0 | 1])[0]) to++
    const rank = (from + 1 + to) / 2
    for (let i = from; i < to; i++) rankSum += rank * (all[i] as [number, 0 | 1])[1]
    from = to
  }
  const least = (positives.length * (positives.length + 1)) / 2
  return (rankSum - least) / (positives.length * negatives.length)
}

/** Share of the positives above the lowest threshold that lets at most `rate` of the negatives through. */
export function recallAt(
  rate: number,
  positives: readonly number[],
  negatives: readonly number[],
): number | undefined {
  if (positives.length === 0 || negatives.length === 0) return undefined
  const falling = negatives.toSorted((a, b) => b - a)
  const threshold = falling[Math.floor(rate * negatives.length)] ?? Number.NEGATIVE_INFINITY
  return shareOf(positives, (score) => score > threshold)
}

/** Undefined for none, which is no share. */
export const shareOf = <T>(items: readonly T[], holds: (item: T) => boolean): number | undefined =>
  items.length === 0 ? undefined : items.filter(holds).length / items.length
