import type { CliContext } from '../context.ts'

export interface CheckResult {
  readonly status: 'ok' | 'warn' | 'fail'
  readonly saw: string
  /** What to do; absent when all is well. */
  readonly fix?: string
}

/** One thing that can be wrong. MUST NOT change anything. To add one: a file, and a line in `index.ts`. */
export interface Check {
  readonly id: string
  run(context: CliContext): Promise<CheckResult>
}
