import { readFileSync } from 'node:fs'
import type { Policy } from '@ostiary/evidence'
import { parsePolicy } from '@ostiary/evidence'
import { ConfigInvalid } from './load.ts'

/** A checkpoint with more signatures than 64, the log's own among them, is read by nobody. */
const MAX_ASKED = 63

/** Reads a policy file (C2SP tlog-policy). @throws ConfigInvalid with the line and what is wrong in it */
export function readWitnessPolicy(path: string): Policy {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigInvalid([`${path}: it cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
  const parsed = parsePolicy(text)
  if ('problem' in parsed) throw new ConfigInvalid([`${path}:${parsed.line}  ${parsed.problem}`])
  return parsed.policy
}

/** A policy that cosignatures can be asked for by. @throws ConfigInvalid */
export function readWitnessesToAsk(path: string): Policy {
  const policy = readWitnessPolicy(path)
  const problems = policy.witnesses.flatMap(({ name, url }) =>
    url !== undefined && URL.canParse(url) ? [] : [`${path}: the witness ${name} has no address to ask at`],
  )
  if (policy.witnesses.length > MAX_ASKED)
    problems.push(`${path}: more than ${MAX_ASKED} witnesses are in it`)
  if (policy.witnesses.length === 0) problems.push(`${path}: there is no witness in it`)
  if (problems.length > 0) throw new ConfigInvalid(problems)
  return policy
}
