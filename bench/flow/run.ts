import { LabelsSchema } from '../../packages/gateway/src/config/label-schema.ts'
import { judge } from '../../packages/gateway/src/flow/judge.ts'
import { labelBook } from '../../packages/gateway/src/flow/labels.ts'
import { learn } from '../../packages/gateway/src/flow/learn.ts'
import { Provenance } from '../../packages/gateway/src/flow/provenance.ts'

/** What it costs to learn a result and to judge a call, against reading the same result as JSON. See README.md. */

const ROUNDS = 7
const CALLS = 60

const book = labelBook(
  LabelsSchema.parse({
    'mail/inbox': {
      effect: 'read',
      result: {
        records: [{ at: '[*]', type: 'mail', id: 'id', names: ['subject'], principals: ['from', 'cc[*]'] }],
      },
    },
    'chart/read': { effect: 'read', result: { integrity: 'trusted', confidentiality: 'phi' } },
    'mail/send': {
      effect: 'egress',
      arguments: { to: { sink: 'principal' }, subject: { sink: 'content' }, body: { sink: 'content' } },
      resolvers: ['listed-in-record', 'counterparty', 'named-record'],
      intent: ['mail', 'send'],
    },
  }),
)

const SENTENCE = 'Please see the minutes of the meeting on 2026-03-04 and call +41 44 555 01 23 before noon. '

/** A mailbox of about `size` characters. */
function mailbox(size: number): string {
  const mails: object[] = []
  for (let i = 0; mails.length * 480 < size; i++)
    mails.push({
      id: String(1000 + i),
      from: `sender${i}@example.org`,
      cc: [`copy${i}@example.net`],
      subject: `Minutes of meeting ${i}`,
      body: SENTENCE.repeat(4),
    })
  return JSON.stringify(mails)
}

/** A task that has seen a mailbox and a chart of that size each. */
function seen(size: number): Provenance {
  const provenance = new Provenance()
  provenance.learnRequest('Mail desk@example.org the minutes of meeting 3')
  for (const tool of ['mail/inbox', 'chart/read']) take(provenance, tool, mailbox(size))
  return provenance
}

const take = (provenance: Provenance, tool: string, text: string) =>
  learn(provenance, book(tool), { call: 'cal_1', args: {}, result: { content: [{ type: 'text', text }] } })

const MAIL = { to: ['desk@example.org'], subject: 'Minutes', body: SENTENCE.repeat(3) }

/** Median microseconds of one call, over rounds of which the first warms up. */
function median(work: () => void): number {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const before = performance.now()
    for (let i = 0; i < CALLS; i++) work()
    return ((performance.now() - before) / CALLS) * 1000
  })
  return rounds.slice(1).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number
}

console.log(
  '| result | JSON.parse µs | learn µs | ratio | judge a mail µs, the task having seen two of them |',
)
console.log('|---|---|---|---|---|')
for (const size of [2_000, 20_000, 200_000]) {
  const text = mailbox(size)
  const parse = median(() => JSON.parse(text))
  const taken = median(() => take(new Provenance(), 'mail/inbox', text))
  const provenance = seen(size)
  const judged = median(() => judge(book('mail/send'), MAIL, provenance))
  console.log(
    `| ${size / 1000} kB | ${parse.toFixed(0)} | ${taken.toFixed(0)} | ${(taken / parse).toFixed(0)} | ${judged.toFixed(0)} |`,
  )
}
