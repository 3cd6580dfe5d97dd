import type { GaugeName } from './metric-catalogue.ts'

/** One number, or one for each value of the gauge's label. */
export type Reading = number | Readonly<Record<string, number>>

/** Where those that know something register it; nothing happens where metrics are not configured. */
export interface Gauges {
  /** `read` is asked for each scrape and MUST answer from memory. */
  gauge(name: GaugeName, read: () => Reading): void
}

export const reading = (value: Reading): readonly (readonly [label: string, value: number])[] =>
  typeof value === 'number' ? [['', value]] : Object.entries(value)
