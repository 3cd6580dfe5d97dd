/**
 * How what is put is kept. `kept`: a file that never changes, for the time that the log has to be there. `tail`: one that never changes
 * either, but that a later one replaces soon. `head`: the one file that is replaced, whole or not at all.
 */
export type Keeping = 'kept' | 'tail' | 'head'

/**
 * A second place for the files of a log, under the paths that they have in the log's folder (`checkpoint`, `tile/…`, `body/…`).
 * The contract suite in contract.ts runs over each.
 */
export interface MirrorStore {
  /** Which place, for people. Holds no secret. */
  readonly place: string
  /**
   * MUST resolve only when the content is durable there and known to be what was sent; a reader MUST see all of it or nothing.
   * MUST NOT replace other content, except as `head`. The same content once more is no error.
   * @throws MirrorContradicts, MirrorFailed
   */
  put(path: string, data: Uint8Array, as: Keeping): Promise<void>
  /** Undefined when there is nothing; MUST NOT say so when it cannot be told. @throws MirrorFailed */
  get(path: string): Promise<Buffer | undefined>
  /** Gives up what was put as `tail`. It MAY stay where a lock holds it. @throws MirrorFailed */
  discard(path: string): Promise<void>
}

/** The place does not take or give anything now. The message is for people: no secret, no text of the other side. */
export class MirrorFailed extends Error {
  override name = 'MirrorFailed'
}

/** The place holds something else than the log does. It is evidence: nothing of it is overwritten. */
export class MirrorContradicts extends Error {
  override name = 'MirrorContradicts'
}
