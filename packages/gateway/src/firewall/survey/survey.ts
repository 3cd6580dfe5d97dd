import type { Span } from '../detector.ts'
import { CLASS, isSpace } from './classes.ts'
import { join, Marks } from './stretches.ts'

/** Marks of a group closer than this are one. */
const NEAR = 64

/** What one pass met in a text: which decoders and detectors can find anything in it, and where. */
export class Survey {
  readonly text: string
  /** What is somewhere in the text, see `tables.ts`. */
  has = 0
  /** Characters that were handed out to be looked at: what the text costs beyond the pass. */
  handed = 0
  #marks: Map<number, Marks> | undefined
  /** Start, end and flags of each segment that has any. */
  readonly #segments: number[] = []
  #flags = 0

  constructor(text: string) {
    this.text = text
  }

  mark(group: number, at: number): void {
    this.#marks ??= new Map()
    const marks = this.#marks.get(group) ?? new Marks()
    marks.add(at, NEAR)
    this.#marks.set(group, marks)
  }

  addSegment(start: number, end: number, flags: number): void {
    if (flags === 0) return
    this.#flags |= flags
    this.#segments.push(start, end, flags)
  }

  met(group: number): boolean {
    return this.#marks?.has(group) === true
  }

  /** Nothing in it that any decoder or expression could begin with. */
  get isPlain(): boolean {
    return this.has === 0 && this.#flags === 0 && this.#marks === undefined
  }

  /** Whether any segment has a flag. */
  isFlagged(flag: number): boolean {
    return (this.#flags & flag) !== 0
  }

  /** The parts of the text around what was met of a group, each character in one of them at most. */
  around(group: number, before: number, after: number): readonly Span[] {
    return this.#counted(this.#marks?.get(group)?.around(before, after, this.text.length) ?? [])
  }

  /** Like {@link around}, but on to the end of what has no space in it, at most so far: a token ends there. */
  aroundTokens(group: number, before: number, after: number, most: number): readonly Span[] {
    const { text } = this
    const spans: Span[] = []
    for (const { start, end } of this.#marks?.get(group)?.around(before, after, text.length) ?? []) {
      // What the one before went through is not gone through again.
      let to = Math.max(end, Math.min(spans.at(-1)?.end ?? 0, end + most))
      while (to < text.length && to < end + most && !isSpace(CLASS[text.charCodeAt(to)] as number)) to++
      join(spans, start, to, text.length)
    }
    return this.#counted(spans)
  }

  /** The segments with a flag. */
  segments(flag: number): readonly Span[] {
    const spans: Span[] = []
    this.#eachSegment(flag, (start, end) => spans.push({ start, end }))
    return this.#counted(spans)
  }

  /** Segments with a flag and what is near them; those that touch are one. */
  stretches(flag: number, before: number, after: number): readonly Span[] {
    const spans: Span[] = []
    const { length } = this.text
    this.#eachSegment(flag, (start, end) => join(spans, start - before, end + after, length))
    return this.#counted(spans)
  }

  /** What the text says there. */
  pieces(spans: readonly Span[]): readonly string[] {
    return spans.map(({ start, end }) => this.text.slice(start, end))
  }

  /** The text, for who looks at all of it. */
  whole(): string {
    this.handed += this.text.length
    return this.text
  }

  #eachSegment(flag: number, visit: (start: number, end: number) => void): void {
    for (let i = 0; i < this.#segments.length; i += 3)
      if (((this.#segments[i + 2] as number) & flag) !== 0)
        visit(this.#segments[i] as number, this.#segments[i + 1] as number)
  }

  #counted(spans: readonly Span[]): readonly Span[] {
    for (const { start, end } of spans) this.handed += end - start
    return spans
  }
}
