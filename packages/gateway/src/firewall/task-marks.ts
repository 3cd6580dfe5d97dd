import { createHmac } from 'node:crypto'

/** What stands for values of one task, and marks text in it. The same in every process of a gateway; nobody without its key can tell. */
export interface TaskMarks {
  /** The same for the same value; the value cannot be told from it. */
  token(value: string, kind: string): string
  readonly spotlight: string
}

/** Hexadecimal digits of a mark: enough that no two values of a task share one, and short enough for a model to repeat. */
const DIGITS = 12

/** @param txn the tree of tasks: what is handed on keeps its tokens */
export const taskMarks =
  (key: Buffer) =>
  (txn: string): TaskMarks => {
    const of = (what: string, value: string) =>
      createHmac('sha256', key)
        .update(JSON.stringify(['ostiary content', txn, what, value]))
        .digest('hex')
        .slice(0, DIGITS)
    return {
      token: (value, kind) => `[${slug(kind)}-${of('token', canonical(value))}]`,
      get spotlight() {
        return of('spotlight', '')
      },
    }
  }

const slug = (kind: string): string => kind.toLowerCase().replace(/[^a-z0-9]+/g, '-')

/** Numbers are the same however their digits are grouped, and addresses in capitals too. */
function canonical(value: string): string {
  if (/^[\d\s().+-]+$/.test(value)) return value.replace(/\D/g, '')
  const plain = value.replace(/\s+/g, '')
  return plain.includes('@') ? plain.toLowerCase() : plain
}
