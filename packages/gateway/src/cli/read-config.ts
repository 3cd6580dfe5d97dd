import type { Loaded } from '../config/load.ts'
import { loadConfig } from '../config/load.ts'
import { trustProblems } from '../config/trust-schema.ts'
import { templateProblems } from '../grants/templates.ts'

/** Reads `ostiary.yaml` by the rules of all rooms. @throws ConfigInvalid */
export const readConfig = (path: string): Loaded =>
  loadConfig(path, [({ tasks }) => templateProblems(tasks), ({ trust }) => trustProblems(trust)])
