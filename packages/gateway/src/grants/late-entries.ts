import type { LogEvent, Recorder } from '../model/evidence.ts'

/** Entries about what has happened already, e.g. an end: the log gets them in order, as soon as it can take them. */
export class LateEntries {
  readonly #recorder: Recorder
  readonly #waiting: LogEvent[] = []

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  add(event: LogEvent): void {
    this.#waiting.push(event)
  }

  /** @throws AuditUnavailable; what was not taken waits for the next time */
  async record(): Promise<void> {
    for (let event = this.#waiting.shift(); event; event = this.#waiting.shift()) {
      try {
        await this.#recorder.append(event)
      } catch (error) {
        this.#waiting.unshift(event)
        throw error
      }
    }
  }
}
