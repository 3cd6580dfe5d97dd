import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

/** Names of the inputs that a policy reads from `context.input`; `all` when it reads the record as a whole. */
export type Reads = ReadonlySet<string> | 'all'

/** What has to be put before a policy. Errs on the side of more. */
export function readsOf(policy: PolicyJson): Reads {
  const inputs = new Set<string>()
  let all = false
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) return node.forEach(walk)
    const access = attributeOf(node)
    if (access && isInput(access.left)) inputs.add(access.attr)
    // `context has input` reads no input; any other way of using the record or the context may read them all.
    else if (access && isContext(access.left)) all ||= access.attr === 'input' && !('has' in node)
    else if (isContext(node)) all = true
    else Object.values(node).forEach(walk)
  }
  walk(policy.conditions)
  return all ? 'all' : inputs
}

/** Whether a policy looks at what flow control knows. Errs on the side of yes. */
export function readsFlow(policy: PolicyJson): boolean {
  const walk = (node: unknown): boolean => {
    if (typeof node !== 'object' || node === null) return false
    if (Array.isArray(node)) return node.some(walk)
    const access = attributeOf(node)
    if (access && isContext(access.left)) return access.attr === 'flow'
    return isContext(node) || Object.values(node).some(walk)
  }
  return walk(policy.conditions)
}

export function joinReads(reads: readonly Reads[]): Reads {
  const joined = new Set<string>()
  for (const read of reads) {
    if (read === 'all') return 'all'
    for (const name of read) joined.add(name)
  }
  return joined
}

/** `left.attr` or `left has attr` of Cedar's JSON policy format. */
function attributeOf(node: object): { left: unknown; attr: string } | undefined {
  const { '.': dot, has } = node as { '.'?: unknown; has?: unknown }
  const access = (dot ?? has) as { left?: unknown; attr?: unknown } | undefined
  return typeof access?.attr === 'string' ? { left: access.left, attr: access.attr } : undefined
}

const isContext = (node: unknown): boolean => (node as { Var?: unknown } | undefined)?.Var === 'context'

const isInput = (node: unknown): boolean => {
  if (typeof node !== 'object' || node === null || !('.' in node)) return false
  const access = attributeOf(node)
  return access?.attr === 'input' && isContext(access.left)
}
