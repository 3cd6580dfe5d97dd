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
 * Separation of duties: nobody confirms what they asked for, and lifting a global lock takes two, and so does changing who they are. The rule holds as soon as there are two
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
   * @returns what waits for a second person, or `confirmed`. @throws Refusal SECOND_PERSON_NEEDED, SIGNED_IN_PERSON_NEEDED
   */
  async lift(lockId: string, who: OperatorSession): Promise<ProposalRow | 'confirmed'> {
    const lock = this.#d.locks.view.list().find(({ id }) => id === lockId)
    if (lock?.scope !== 'global' || !(await this.#takesTwo())) return 'confirmed'
    // The local socket names an account of the machine and nobody in particular: it could be the other of the two.
    if (who.method === 'socket') return refuse('SIGNED_IN_PERSON_NEEDED')
    return await this.#second('lift-lock', lockId, who)
  }

  /**
   * Asks whether this person may change who is a security officer, or let somebody sign in as one: else one of two could be both. Through
   * the local socket one person may: who has it has the store too, and officers who are locked out need it.
   * @param change everything about it, so that what is confirmed is what was proposed
   */
  async changeOfficer(change: string, who: OperatorSession): Promise<ProposalRow | 'confirmed'> {
    if (who.method === 'socket' || !(await this.#takesTwo())) return 'confirmed'
    return await this.#second('change-officer', change, who)
  }

  async #takesTwo(): Promise<boolean> {
    return (await this.#d.operators.countActive('security-officer')) >= 2
  }

  async #second(
    kind: ProposalRow['kind'],
    target: string,
    who: OperatorSession,
  ): Promise<ProposalRow | 'confirmed'> {
    const { operators, store, clock, recorder } = this.#d
    const now = clock.now()
    const open = (await this.open()).filter((one) => one.kind === kind && one.target === target)
    for (const { id, proposed_by } of open) {
      // Who has lost the role meanwhile proposes nothing any more.
      if (proposed_by === who.name || !(await operators.is(proposed_by, 'security-officer'))) continue
      const { numUpdatedRows } = await store.transaction((tx) =>
        tx
          .updateTable('proposals')
          .set({ decided_by: who.name })
          .where('id', '=', id)
          .where('decided_by', 'is', null)
          .executeTakeFirst(),
      )
      if (numUpdatedRows === 1n) return 'confirmed'
    }
    if (open.some(({ proposed_by }) => proposed_by === who.name))
      refuse('SECOND_PERSON_NEEDED', { operator: who.name })
    const proposal: ProposalRow = {
      id: newId('prp'),
      kind,
      target,
      proposed_by: who.name,
      expires_at: now + PROPOSAL_MS,
      decided_by: null,
      created_at: now,
    }
    const about = { proposal: proposal.id, until: proposal.expires_at }
    await recorder.append({
      actor: { kind: 'operator', operator: who.name },
      ...(kind === 'lift-lock'
        ? { type: 'lock.lift_proposed', data: { lock: target, ...about } }
        : { type: 'operator.change_proposed', data: { change: target, ...about } }),
    })
    await store.db.insertInto('proposals').values(proposal).execute()
    return proposal
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
