import { Command } from 'commander'
import { contextOf, show } from '../context.ts'

interface Held {
  readonly pseudonym: string
  readonly held: boolean
}

/** What the log keeps about one person. */
export function subjectCommand(): Command {
  const subject = new Command('subject').description(
    'Those whom the log is about (patients, customers): legal hold, and erasure.',
  )
  subject
    .command('hold')
    .description('Put a subject under legal hold: nothing about them is erased, also not by age.')
    .argument('<name>', 'as tasks and calls give it')
    .requiredOption('--why <text>', 'the matter it is held for')
    .action(async (name: string, { why }: { why: string }, command: Command) => {
      const context = contextOf(command)
      const held = await context.control().call<Held>('POST', '/subjects/hold', { subject: name, why })
      show(context, 'Subject', held, () => `${held.pseudonym} is under legal hold.`)
    })
  subject
    .command('release')
    .description('End a legal hold.')
    .argument('<name>')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = contextOf(command)
      const held = await context.control().call<Held>('POST', '/subjects/release', { subject: name })
      show(context, 'Subject', held, () => `${held.pseudonym} is under legal hold no more.`)
    })
  subject
    .command('erase')
    .description(
      'Destroy the keys of all content about a subject, and their name. Entries and proofs stand; nobody can undo it.',
    )
    .argument('<name>')
    .requiredOption('--yes', 'say that you mean it')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = contextOf(command)
      const erased = await context
        .control()
        .call<{ pseudonym: string; keys: number }>('POST', '/subjects/erase', { subject: name })
      show(
        context,
        'ErasedSubject',
        erased,
        () =>
          `${erased.pseudonym} is erased: ${erased.keys} keys are destroyed. Backups of the database made before still hold them: let them expire.`,
      )
    })
  return subject
}
