import type { Labels } from '../config/label-schema.ts'
import { LabelsSchema } from '../config/label-schema.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Judgement } from './judge.ts'
import { judge } from './judge.ts'
import { labelBook } from './labels.ts'
import { keysIn, learn } from './learn.ts'
import { leavesOf } from './paths.ts'
import { Provenance } from './provenance.ts'

/** Labels for a clinic's mail, calendar and files, as an operator would write them. */
export const CLINIC: Labels = LabelsSchema.parse({
  'mail/send': {
    effect: 'egress',
    arguments: {
      to: { sink: 'principal' },
      subject: { sink: 'content' },
      body: { sink: 'content' },
      'attachments[*]': { sink: 'handle', of: 'file' },
    },
    resolvers: ['named-record', 'listed-in-record', 'own-object', 'counterparty'],
    intent: ['send', 'mail', 'reply'],
  },
  'mail/inbox': {
    effect: 'read',
    result: {
      records: [{ at: '[*]', type: 'mail', id: 'id', names: ['subject'], principals: ['from', 'to[*]'] }],
    },
  },
  'mail/sent': {
    effect: 'read',
    result: {
      records: [{ at: '[*]', type: 'mail', id: 'id', names: ['subject'], principals: ['to[*]'], own: true }],
    },
  },
  'calendar/search': {
    effect: 'read',
    result: {
      records: [{ at: '[*]', type: 'event', id: 'id', names: ['title'], principals: ['participants[*]'] }],
    },
  },
  'calendar/cancel': {
    effect: 'destructive',
    arguments: { id: { sink: 'handle', of: 'event' } },
    resolvers: ['named-record', 'own-object'],
  },
  'calendar/create': {
    effect: 'write',
    arguments: { title: { sink: 'topic' }, notes: { sink: 'content' } },
    result: { records: [{ type: 'event', id: 'id', names: ['title'], made: true }] },
  },
  'files/list': {
    effect: 'read',
    result: { records: [{ at: '[*]', type: 'file', id: 'id', names: ['name'] }] },
  },
  'files/delete': {
    effect: 'destructive',
    arguments: { id: { sink: 'handle', of: 'file' } },
    resolvers: ['named-record', 'own-object'],
  },
  'directory/find': { effect: 'read', result: { integrity: 'trusted' } },
  'directory/note': { effect: 'write', arguments: { text: { sink: 'content' } } },
  'chart/read': {
    effect: 'read',
    result: { integrity: 'trusted', confidentiality: 'phi', readers: ['@clinic.example'] },
  },
  'web/get': { effect: 'read', arguments: { url: { sink: 'url' } }, resolvers: ['seen-url'] },
})

/** One task, as a story: what was asked, what tools showed, what is attempted. */
export class Story {
  readonly provenance: Provenance
  readonly #labels = labelBook(CLINIC)
  #calls = 0

  constructor(request?: string, provenance = new Provenance()) {
    this.provenance = provenance
    if (request !== undefined) provenance.learnRequest(request)
  }

  shows(tool: string, result: Json, args: JsonObject = {}): this {
    const content = [{ type: 'text', text: typeof result === 'string' ? result : JSON.stringify(result) }]
    learn(this.provenance, this.#labels(tool), { call: `cal_${this.#calls++}`, args, result: { content } })
    return this
  }

  tries(tool: string, args: JsonObject): Judgement {
    const label = this.#labels(tool)
    const judgement = judge(label, args, this.provenance)
    if (judgement.problems.length > 0) return judgement
    if (judgement.taints) this.provenance.taint(label.place)
    for (const leaf of leavesOf(args)) this.provenance.write(keysIn(leaf), label.effect !== 'read')
    return judgement
  }

  problems(tool: string, args: JsonObject): string[] {
    return this.tries(tool, args).problems.map(({ code, path }) => `${code} ${path}`.trim())
  }
}
