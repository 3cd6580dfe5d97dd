import type { FormatConfig } from '../../config/sink-schema.ts'
import { cef } from './cef.ts'
import type { Format, Source } from './format.ts'
import { json } from './json.ts'
import { ocsf } from './ocsf/index.ts'

/** Every way in which an entry can be written. */
export const formats: Record<FormatConfig['format'], (source: Source, config: FormatConfig) => Format> = {
  json,
  cef,
  ocsf: (source, { ocsf_version }) => ocsf(source, ocsf_version),
}
