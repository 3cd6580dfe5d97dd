import type { RecordsLabel } from '../config/label-schema.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { keysOf } from './canonical.ts'
import { select, stepsOf } from './paths.ts'

/** More names of one object are not looked at. */
const MAX_NAMES = 8

/** An object that a tool has shown, with what people call it. */
export interface FlowRecord {
  readonly type: string
  readonly id: string
  readonly names: readonly string[]
  /** Who it is shared with: canonical keys of structured fields. */
  readonly principals: ReadonlySet<string>
  /** Its handle is an argument of the call that showed it. */
  readonly isAsked: boolean
  /** The task made it. */
  readonly isOwn: boolean
  /** The person made it before. */
  readonly isPersons: boolean
}

/** The records in a result, as its label says where they are. */
export function recordsIn(document: Json, labels: readonly RecordsLabel[], args: JsonObject): FlowRecord[] {
  const scalars = (record: Json, path: string) =>
    path.startsWith('$') ? scalarsAt(args, path.slice(1)) : scalarsAt(record, path)
  return labels.flatMap((label) =>
    select(document, label.at === '' ? [] : stepsOf(label.at)).flatMap(({ value }) => {
      const id = scalars(value, label.id)[0]
      if (id === undefined) return []
      return [
        {
          type: label.type,
          id: String(id),
          names: label.names
            .flatMap((path) => scalars(value, path))
            .slice(0, MAX_NAMES)
            .map(String),
          principals: new Set(
            label.principals
              .flatMap((path) => scalars(value, path))
              .flatMap((principal) => keysOf(principal)),
          ),
          isAsked: label.id.startsWith('$'),
          isOwn: label.made,
          isPersons: label.own,
        },
      ]
    }),
  )
}

const scalarsAt = (record: Json, path: string): (string | number)[] =>
  select(record, stepsOf(path)).flatMap(({ value }) =>
    typeof value === 'string' || typeof value === 'number' ? [value] : [],
  )
