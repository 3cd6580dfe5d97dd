/** The gateway as a team runs it: a grant, the policies that come with it, schemas pinned, proofs required, records durable. */
export const gatewayConfig = (upstream: string) => ({
  servers: { bench: { url: upstream } },
  tasks: {
    bench: { purpose: 'Benchmark', agents: ['*'], tools: { 'bench/echo': {} }, lifetime: '1h', idle: '1h' },
  },
  // One instance makes all calls here; the default limit is 2,000 a second.
  limits: { rate: 1_000_000 },
})
