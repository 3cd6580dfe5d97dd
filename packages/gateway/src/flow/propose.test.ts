import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LabelsSchema } from '../config/label-schema.ts'
import { proposeLabels } from './propose.ts'

const tool = (name: string, ...args: string[]) => ({
  name,
  description: '',
  inputSchema: {
    type: 'object',
    properties: Object.fromEntries(args.map((arg) => [arg, { type: 'string' }])),
  },
})
const labelOf = (name: string, ...args: string[]) => proposeLabels('s', [tool(name, ...args)])[0]?.label

test('what a tool does is read from its verb, the strongest of several', () => {
  assert.equal(labelOf('get_orders')?.effect, 'read')
  assert.equal(labelOf('searchAndDelete')?.effect, 'destructive')
  assert.equal(labelOf('send-message')?.effect, 'egress')
  assert.equal(labelOf('update_record')?.effect, 'write')
  assert.equal(labelOf('create_event', 'participants')?.effect, 'egress', 'others see it')
})

test('a tool whose name says nothing counts as egress, whatever its server claims', () => {
  const [proposal] = proposeLabels('s', [
    { ...tool('frobnicate', 'x'), annotations: { readOnlyHint: true } } as ReturnType<typeof tool>,
  ])
  assert.equal(proposal?.label.effect, 'egress')
  assert.match(proposal?.check.join() ?? '', /does not say what it does/)
})

test('arguments are told apart by what they can do', () => {
  assert.deepEqual(labelOf('send_mail', 'to', 'title', 'body', 'file_id', 'amount', 'link')?.arguments, {
    to: { sink: 'principal' },
    title: { sink: 'topic' },
    body: { sink: 'content' },
    file_id: { sink: 'handle', of: 'file' },
    amount: { sink: 'amount' },
    link: { sink: 'url' },
  })
  assert.deepEqual(labelOf('get_page', 'url', 'limit')?.arguments, { url: { sink: 'url' } })
})

test('whatever a server calls its tools, a proposal is one that the configuration accepts', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
      fc.array(fc.string({ minLength: 1, maxLength: 20 })),
      (name, args) => {
        fc.pre(!/[\n\r]/.test(name))
        const proposals = proposeLabels('s', [tool(name, ...args)])
        LabelsSchema.parse(Object.fromEntries(proposals.map(({ tool: ref, label }) => [ref, label])))
      },
    ),
  )
})
