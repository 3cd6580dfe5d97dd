import { ControlClient } from '../../packages/gateway/src/cli/control-client.ts'
import type { GuardedGateway } from './gateway.ts'

/** One entry of the log, as an operator reads it. */
export interface Entry {
  readonly index: number
  readonly type: string
  readonly task?: string
  readonly actor: { readonly kind: string; readonly agent?: string }
  readonly trace?: { readonly id: string; readonly span: string }
  // biome-ignore lint/suspicious/noExplicitAny: entries are looked into freely by tests
  readonly data: any
}

/** The newest entries, oldest first. */
export async function entriesOf({ dataDir }: GuardedGateway): Promise<readonly Entry[]> {
  const text = await new ControlClient(dataDir).text('GET', '/audit/entries?count=1000')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)
}
