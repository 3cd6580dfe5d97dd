/** The gateway as a team runs it: a grant, the policies that come with it, schemas pinned, proofs required, records durable. */
export const gatewayConfig = (upstream: string) => ({
  servers: { bench: { url: upstream } },
  tasks: {
    bench: { purpose: 'Benchmark', agents: ['*'], tools: { 'bench/echo': {} }, lifetime: '1h', idle: '1h' },
  },
  // All that flow control does is done: what is sent others can read, and what comes back is learned.
  flow: { mode: 'enforce' },
  labels: { 'bench/echo': { effect: 'egress', arguments: { text: { sink: 'content' } } } },
  // One instance makes all calls here; the default limit is 2,000 a second.
  limits: { rate: 1_000_000 },
})
