import type { Tx } from '../store.ts'
import { initial } from './0001-initial.ts'
import { identityWhole } from './0002-identity-whole.ts'
import { operators } from './0003-operators.ts'
import { outward } from './0004-outward.ts'
import { interactive } from './0005-interactive.ts'
import { signals } from './0006-signals.ts'
import { vouchers } from './0007-vouchers.ts'
import { secretGrace } from './0008-secret-grace.ts'
import { subjects } from './0009-subjects.ts'

/** In order; a migration that has been released is never edited. */
export const MIGRATIONS: readonly (readonly [name: string, up: (tx: Tx) => Promise<void>])[] = [
  ['0001-initial', initial],
  ['0002-identity-whole', identityWhole],
  ['0003-operators', operators],
  ['0004-outward', outward],
  ['0005-interactive', interactive],
  ['0006-signals', signals],
  ['0007-vouchers', vouchers],
  ['0008-secret-grace', secretGrace],
  ['0009-subjects', subjects],
]
