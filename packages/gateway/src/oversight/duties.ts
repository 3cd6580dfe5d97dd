import type { OperatorSession, Operators } from '../identity/operators/operators.ts'
import type { Clock } from '../lib/clock.ts'
import { newId } from '../lib/id.ts'
import type { Recorder } from '../model/evidence.ts'
import { refuse } from '../model/refusal.ts'
import type { ProposalRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Locks } from './locks.ts'

const PROPOSAL_MS = 15 * 60_000

/**
 * Separation of duties: nobody confirms what they asked for, and lifting a global lock takes two. The rule holds as soon as there are two
 * active security officers; before that, whoever may lift does so alone, since there is nobody to ask.
 */
export class Duties {
  readonly #d: { store: Store; recorder: Recorder; clock: Clock; operators: Operators; locks: Locks }

  constructor(deps: {
    store: Store
    recorder: Recorder
    clock: Clock
    operators: Operators
    locks: Locks
  }) {
    this.#d = deps
  }

  /**
   * Asks whether this person may lift a lock now.
   * @returns what waits for a second person, or `confirmed`. @throws Refusal SECOND_PERSON_NEEDED when the same person asks again
   */
  async lift(lockId: string, who: OperatorSession): Promise<ProposalRow | 'confirmed'> {
    const { locks, operators, store, clock, recorder } = this.#d
    const lock = locks.view.list().find(({ id }) => id === lockId)
    if (lock?.scope !== 'global' || (await operators.countActive('security-officer')) < 2) return 'confirmed'
    const now = clock.now()
    return await store.transaction(async (tx) => {
      const open = await tx
        .selectFrom('proposals')
        .selectAll()
        .where('kind', '=', 'lift-lock')
        .where('target', '=', lockId)
        .where('decided_by', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst()
      if (open) {
        if (open.proposed_by === who.name) refuse('SECOND_PERSON_NEEDED', { operator: who.name })
        await tx.updateTable('proposals').set({ decided_by: who.name }).where('id', '=', open.id).execute()
        return 'confirmed'
      }
      const proposal: ProposalRow = {
        id: newId('prp'),
        kind: 'lift-lock',
        target: lockId,
        proposed_by: who.name,
        expires_at: now + PROPOSAL_MS,
        decided_by: null,
        created_at: now,
      }
      await tx.insertInto('proposals').values(proposal).execute()
      await recorder.append({
        type: 'lock.lift_proposed',
        actor: { kind: 'operator', operator: who.name },
        data: { lock: lockId, proposal: proposal.id, until: proposal.expires_at },
      })
      return proposal
    })
  }

  /** What waits for a second person. */
  async open(): Promise<readonly ProposalRow[]> {
    return await this.#d.store.db
      .selectFrom('proposals')
      .selectAll()
      .where('decided_by', 'is', null)
      .where('expires_at', '>', this.#d.clock.now())
      .orderBy('id')
      .execute()
  }
}
