import type { JsonObject } from '../model/json.ts'
import type { Judgement } from './judge.ts'
import { shownPath } from './paths.ts'

/** More arguments than this are counted, not listed: an entry of the log has 65,535 bytes, and a path may have 200 of them. */
const MAX_LISTED = 24
const MAX_SEEN = 2

/**
 * What the record keeps of a judgement: for each consequential argument where its value came from, and what stood against the call. No
 * value and nothing that the agent could choose freely.
 */
export function flowEvidence({ arguments: args, problems, isStrict }: Judgement): JsonObject {
  const listed = args.slice(0, MAX_LISTED).map(({ path, sink, derivation, seenIn }) => ({
    path: shownPath(path),
    sink,
    ...(derivation === undefined ? {} : { by: derivation.by, from: derivation.evidence }),
    ...(derivation !== undefined || seenIn.length === 0 ? {} : { seen_in: seenIn.slice(0, MAX_SEEN) }),
  }))
  return {
    ...(listed.length === 0 ? {} : { arguments: listed }),
    ...(args.length > MAX_LISTED ? { more: args.length - MAX_LISTED } : {}),
    ...(isStrict ? { strict: true } : {}),
    ...(problems.length === 0
      ? {}
      : {
          problems: problems
            .slice(0, MAX_LISTED)
            .map(({ code, path, detail }) => ({ code, path: shownPath(path), detail })),
        }),
  }
}
