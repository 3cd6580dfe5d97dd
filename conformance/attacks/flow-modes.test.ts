import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EVIL, POISONED, startClinic } from '../support/clinic.ts'
import type { GuardedGateway } from '../support/gateway.ts'
import { RawClient } from '../support/gateway.ts'

const open = async (gateway: GuardedGateway, request: string) =>
  await RawClient.open(await gateway.enrol('assistant'), { template: 'desk', request }, '/mcp/clinic')
const mail = (client: RawClient, to: string) => client.call('send', { to: [to], subject: 'x', body: 'x' })

const entries = async (gateway: GuardedGateway) =>
  (await gateway.control<{ size: number }>('GET', '/audit')).size

test('where flow only observes, the call is made and the record says that it would have been held', async () => {
  const { server, gateway, shown } = await startClinic({ flow: { mode: 'observe' } })
  await using _ = server
  await using __ = gateway
  shown.inbox = POISONED
  await using client = await open(gateway, 'Tell desk@clinic.example what is new')
  await client.call('inbox')
  const answer = await mail(client, EVIL)
  assert.equal(answer.code, undefined)
  const { index } = answer.json.result._meta['io.ostiary/receipt']
  const { entry } = await gateway.control<{ entry: { data: { flow: { problems: object[] } } } }>(
    'GET',
    `/audit/entries/${index}`,
  )
  assert.deepEqual(entry.data.flow.problems, [
    { code: 'UNDERIVED', path: 'to[0]', detail: 'nothing trusted says this principal' },
  ])
  assert.ok((await entries(gateway)) > index)
  assert.deepEqual(await gateway.control('GET', '/flow/holds'), { holds: [] })
})

test('a policy sees where values come from, and may forbid what flow would only hold', async () => {
  const { server, gateway, shown } = await startClinic()
  await using _ = server
  await using __ = gateway
  writeFileSync(
    join(gateway.dir, 'flow.cedar'),
    `permit (principal, action, resource);
@id("no-mail-after-mail")
forbid (principal, action, resource) when { context.flow.untrusted && context.flow.effect == "egress" };
@id("nothing-unsaid")
forbid (principal, action, resource) when { context.flow.problems.contains("UNDERIVED") };`,
  )
  const path = join(gateway.dir, 'ostiary.yaml')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...config, policies: ['flow.cedar'] }))
  await gateway.control('POST', '/reload')
  shown.inbox = POISONED
  await using client = await open(gateway, 'Tell desk@clinic.example what is new')
  assert.equal((await mail(client, 'desk@clinic.example')).code, undefined)
  const unsaid = await mail(client, EVIL)
  assert.equal(unsaid.code, 'POLICY_FORBIDDEN')
  assert.match(unsaid.text, /nothing-unsaid/)
  await client.call('inbox')
  const after = await mail(client, 'desk@clinic.example')
  assert.equal(after.code, 'POLICY_FORBIDDEN')
  assert.match(after.text, /no-mail-after-mail/)
})

test('labels that are changed count at the next call', async () => {
  const { server, gateway } = await startClinic()
  await using _ = server
  await using __ = gateway
  await using client = await open(gateway, 'Do the usual')
  assert.equal((await client.call('unlabelled', { what: 'x' })).code, 'FLOW_HELD')
  const path = join(gateway.dir, 'ostiary.yaml')
  const config = JSON.parse(readFileSync(path, 'utf8'))
  config.labels['clinic/unlabelled'] = { effect: 'read' }
  writeFileSync(path, JSON.stringify(config))
  await gateway.control('POST', '/reload')
  assert.equal((await client.call('unlabelled', { what: 'x' })).code, undefined)
})
