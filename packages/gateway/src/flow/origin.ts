import { shownPath } from './paths.ts'

/** Where a value came from. `request` is what the person asked for, in their words. */
export type Source =
  | { readonly kind: 'request' }
  | { readonly kind: 'task'; readonly what: 'subject' | 'purpose' }
  | { readonly kind: 'identity' }
  | { readonly kind: 'configured' }
  | { readonly kind: 'result'; readonly call: string; readonly tool: string; readonly path: string }

export type Confidentiality = 'public' | 'internal' | 'secret' | 'phi'

export interface Origin {
  readonly source: Source
  readonly isTrusted: boolean
  readonly confidentiality: Confidentiality
  /** Besides the person: addresses, or `@domain`. */
  readonly readers: readonly string[]
  /** The agent put it into a call before, so it may hold anything that the agent knows. */
  readonly isGivenBack?: boolean
}

export const isConfidential = ({ confidentiality }: Origin): boolean =>
  confidentiality === 'secret' || confidentiality === 'phi'

/** A source in words for people and records; never the value. */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case 'request':
      return 'the request'
    case 'task':
      return `the task’s ${source.what}`
    case 'identity':
      return 'the person the agent acts for'
    case 'configured':
      return 'the configuration'
    case 'result':
      return `${source.tool}${source.path === '' ? '' : ` at ${shownPath(source.path)}`}`
  }
}
