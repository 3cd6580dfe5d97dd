import type { Round } from './job.ts'
import type { Row } from './run.ts'

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Medians over the rounds, as Markdown. */
export function table(rows: readonly Row[]): string {
  const of = (row: Row | undefined, member: keyof Round) =>
    median(row?.rounds.map((round) => round[member]) ?? [])
  const lines = rows.map((row) => {
    const peer = (target: string) =>
      rows.find(
        (other) =>
          other.target === target && other.payload === row.payload && other.connections === row.connections,
      )
    const cpu = of(row, 'cpuMicros')
    return [
      row.payload,
      row.connections,
      row.target,
      cpu.toFixed(0),
      of(row, 'callsPerSecond').toFixed(0),
      of(row, 'p50Ms').toFixed(2),
      of(row, 'p99Ms').toFixed(2),
      (of(row, 'p50Ms') / of(peer('direct'), 'p50Ms')).toFixed(1),
      (cpu / of(peer('sdk-proxy'), 'cpuMicros')).toFixed(2),
    ].join(' | ')
  })
  return [
    'payload | connections | target | CPU µs/call | calls/s | p50 ms | p99 ms | p50 / direct | CPU / sdk-proxy',
    '---|---|---|---|---|---|---|---|---',
    ...lines,
  ].join('\n')
}
