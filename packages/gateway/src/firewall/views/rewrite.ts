/** A text with each of its code units replaced: `unitAt` is given them all, and a place. */
export function rewrite(text: string, unitAt: (units: Uint16Array, at: number) => number): string {
  const from = new Uint16Array(text.length)
  const to = new Uint16Array(text.length)
  for (let i = 0; i < text.length; i++) from[i] = text.charCodeAt(i)
  for (let i = 0; i < text.length; i++) to[i] = unitAt(from, i)
  return String.fromCharCode.apply(undefined, to as unknown as number[])
}
