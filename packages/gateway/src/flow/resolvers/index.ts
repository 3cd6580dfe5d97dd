import type { Resolver } from '../resolver.ts'
import { counterparty } from './counterparty.ts'
import { listedInRecord } from './listed-in-record.ts'
import { namedRecord } from './named-record.ts'
import { ownObject } from './own-object.ts'
import { seenUrl } from './seen-url.ts'

export const resolvers: readonly Resolver[] = [namedRecord, listedInRecord, ownObject, counterparty, seenUrl]
