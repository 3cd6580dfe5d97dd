/** What the load generator is told, one JSON line each. */
export interface Job {
  readonly url: string
  readonly connections: number
  readonly calls: number
  /** Bytes of the echoed argument. */
  readonly payload: number
  /** Process whose CPU time is counted. */
  readonly pid: number
  /** Set for the gateway: whose key signs the proofs, and for which task. */
  readonly proof?: { readonly stateDir: string; readonly task: string }
}

/** What one round measured. */
export interface Round {
  readonly callsPerSecond: number
  readonly cpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
}
