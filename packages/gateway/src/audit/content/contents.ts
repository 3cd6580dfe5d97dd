import type { JsonObject } from '../../model/json.ts'
import { refuse } from '../../model/refusal.ts'
import type { AuditLog } from '../log.ts'
import type { BodyKey } from './body.ts'
import { BodyBroken, openBody } from './body.ts'
import type { BodyKeys } from './body-keys.ts'

/** What is sealed beside entries, for who may read it. */
export class Contents {
  readonly #log: Pick<AuditLog, 'read' | 'body'>
  readonly #keys: BodyKeys

  constructor(log: Pick<AuditLog, 'read' | 'body'>, keys: BodyKeys) {
    this.#log = log
    this.#keys = keys
  }

  /** @throws RangeError when there is no such entry, Refusal CONTENT_NOT_SEALED, CONTENT_ERASED, CONTENT_UNREADABLE */
  async open(index: number): Promise<JsonObject> {
    const { body } = (await this.#log.read(index)).entry
    if (!body) return refuse('CONTENT_NOT_SEALED', { index })
    const keys: BodyKey[] = []
    for (const id of body.keys) {
      const key = await this.#keys
        .find(id)
        .catch(() => refuse('CONTENT_UNREADABLE', { index, detail: 'its key is sealed under another one' }))
      if (!key) return refuse('CONTENT_ERASED', { index })
      keys.push(key)
    }
    const bytes = await this.#log.body(index)
    if (!bytes) return refuse('CONTENT_UNREADABLE', { index, detail: 'the file that held it is gone' })
    try {
      return openBody(bytes, body, keys)
    } catch (error) {
      if (error instanceof BodyBroken) return refuse('CONTENT_UNREADABLE', { index, detail: error.message })
      throw error
    }
  }
}
