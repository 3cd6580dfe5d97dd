import { Agent, enrol } from '@ostiary/agent'
import { Command } from 'commander'
import { contextOf, show, table, time } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'

interface AgentView {
  readonly id: string
  readonly name: string
  readonly sponsor: string
  readonly purpose: string
  readonly status: string
}

interface ReviewView extends AgentView {
  readonly review_due_at: number
  readonly sponsor_left_at: number | null
}

interface InstanceView {
  readonly id: string
  readonly host: string
  readonly method: string
  readonly status: string
  readonly enrolled_at: number
  readonly keys: readonly { jkt: string; state: string }[]
}

interface HistoryView {
  readonly entries: readonly {
    readonly index: number
    readonly ts: number
    readonly type: string
    readonly actor: { readonly instance?: string; readonly operator?: string }
    readonly data: Readonly<Record<string, unknown>>
  }[]
  readonly before: number | null
}

/** What a person looks for first in an entry. */
const detailOf = (data: Readonly<Record<string, unknown>>): string =>
  ['server', 'name', 'method', 'code', 'result', 'template', 'end', 'instance', 'jkt']
    .flatMap((key) => (data[key] === undefined ? [] : [`${key}=${String(data[key]).slice(0, 60)}`]))
    .join(' ')

export function agentCommand(): Command {
  const agent = new Command('agent').description('Agents and their instances: who may act at all.')
  agent
    .command('list')
    .description('List agents.')
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const { agents } = await context.control().call<{ agents: AgentView[] }>('GET', '/agents')
      show(context, 'AgentList', { agents }, () =>
        agents.length === 0
          ? 'No agents yet. Add one: ostiary agent add <name> --sponsor <person>'
          : table(
              ['NAME', 'STATUS', 'SPONSOR', 'PURPOSE'],
              agents.map((a) => [a.name, a.status, a.sponsor, a.purpose]),
            ),
      )
    })
  agent
    .command('add')
    .description('Add an agent. Every agent has a sponsor: the person who answers for it.')
    .argument('<name>')
    .requiredOption('--sponsor <person>', 'e.g. an e-mail address')
    .option('--purpose <text>', 'what it is for', '')
    .action(async (name: string, options: { sponsor: string; purpose: string }, command: Command) => {
      const context = contextOf(command)
      const { agent: added } = await context
        .control()
        .call<{ agent: AgentView }>('POST', '/agents', { name, ...options })
      show(
        context,
        'Agent',
        { agent: added },
        () => `Added ${name}. Enrol an instance: ostiary agent enrol ${name}`,
      )
    })
  agent
    .command('show')
    .description('Show an agent and its instances.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      const found = await context
        .control()
        .call<{ agent: AgentView; instances: InstanceView[] }>('GET', `/agents/${encodeURIComponent(name)}`)
      show(context, 'AgentDetails', found, () => {
        const { agent: a, instances } = found
        const rows = instances.map((i) => [
          i.id,
          i.status,
          i.method,
          i.host,
          time(i.enrolled_at),
          i.keys.map((key) => `${key.jkt.slice(0, 8)}… ${key.state}`).join(', '),
        ])
        return `${a.name}: ${a.status}, sponsor ${a.sponsor}${a.purpose ? `, ${a.purpose}` : ''}\n${table(['INSTANCE', 'STATUS', 'CAME BY', 'HOST', 'ENROLLED', 'KEYS'], rows)}`
      })
    })
  agent
    .command('history')
    .description('What this identity did and what was done to it, from the log, newest first.')
    .argument('<name>')
    .option('--instance <id>', 'only this instance')
    .option('-n, --count <number>', 'how many entries', '50')
    .option('--before <index>', 'only entries before this one, for the next page')
    .action(
      async (
        name: string,
        options: { instance?: string; count: string; before?: string },
        command: Command,
      ) => {
        const context = contextOf(command)
        const query = new URLSearchParams({ ...options })
        const found = await context
          .control()
          .call<HistoryView>('GET', `/agents/${encodeURIComponent(name)}/history?${query}`)
        show(context, 'AgentHistory', found, () =>
          [
            table(
              ['ENTRY', 'TIME', 'INSTANCE', 'WHAT', 'DETAIL'],
              found.entries.map((entry) => [
                String(entry.index),
                time(entry.ts),
                entry.actor.instance ?? entry.actor.operator ?? 'gateway',
                entry.type,
                detailOf(entry.data),
              ]),
            ),
            ...(found.before === null ? [] : [`\nOlder: --before ${found.before}`]),
          ].join('\n'),
        )
      },
    )
  agent
    .command('enrol')
    .description('Make a one-time code with which one instance can join within ten minutes.')
    .argument('<name>')
    .action(async (name: string, _options, command: Command) => {
      const context = contextOf(command)
      const issued = await context
        .control()
        .call<{ code: string; expires_at: number; issuer: string }>(
          'POST',
          `/agents/${encodeURIComponent(name)}/enrol`,
        )
      show(
        context,
        'EnrolmentCode',
        issued,
        () =>
          `${issued.code}\n\nGood once, until ${time(issued.expires_at)} UTC. Where the agent runs:\n  ostiary agent join --gateway ${issued.issuer} --state <folder>   (it asks for the code)`,
      )
    })
  agent
    .command('join')
    .description('Enrol this machine as an instance: makes a key that never leaves the state folder.')
    .requiredOption('--gateway <url>', 'base address of the gateway')
    .requiredOption('--state <folder>', 'private folder for the key')
    .option('--code <code>', 'one-time code; read from standard input when left out')
    .action(async (options: { gateway: string; state: string; code?: string }, command: Command) => {
      const context = contextOf(command)
      const code = options.code ?? (await readLine(context.say))
      const identity = await enrol({ gateway: options.gateway, stateDir: options.state, code })
      show(
        context,
        'Instance',
        identity,
        () => `Enrolled as ${identity.instance}. The key is in ${options.state}.`,
      )
    })
  agent
    .command('rotate')
    .description('Give this instance a new key; the old one stays good for five minutes.')
    .requiredOption('--state <folder>', 'private folder of the instance')
    .action(async (options: { state: string }, command: Command) => {
      const context = contextOf(command)
      await using own = new Agent({ stateDir: options.state })
      const rotated = await own.rotateKey()
      show(
        context,
        'KeyRotated',
        rotated,
        () => `The new key is ${rotated.jkt}; the old one ends at ${time(rotated.retiring_until)} UTC.`,
      )
    })
  agent
    .command('sponsor')
    .description('Name another person who answers for an agent.')
    .argument('<name>')
    .argument('<person>')
    .action(async (name: string, sponsor: string, _options, command: Command) => {
      const context = contextOf(command)
      const { agent: changed } = await context
        .control()
        .call<{ agent: AgentView }>('POST', `/agents/${encodeURIComponent(name)}/sponsor`, { sponsor })
      show(context, 'Agent', { agent: changed }, () => `${sponsor} answers for ${name} from now on.`)
    })
  agent
    .command('sponsor-left')
    .description('A person has left: agents they answer for start nothing new until somebody else does.')
    .argument('<person>')
    .action(async (sponsor: string, _options, command: Command) => {
      const context = contextOf(command)
      const left = await context.control().call<{ agents: number }>('POST', '/sponsors/left', { sponsor })
      show(context, 'SponsorLeft', left, () => `${left.agents} agents need another sponsor.`)
    })
  agent
    .command('review')
    .description(
      'Say that somebody looked at what an agent may do and still wants it; due again in 180 days.',
    )
    .argument('[name]', 'leave out to list what is due')
    .action(async (name: string | undefined, _options, command: Command) => {
      const context = contextOf(command)
      if (name === undefined) {
        const due = await context.control().call<{ agents: ReviewView[] }>('GET', '/reviews')
        show(context, 'ReviewList', due, () =>
          due.agents.length === 0
            ? 'No review is due within 14 days.'
            : table(
                ['NAME', 'DUE (UTC)', 'SPONSOR', ''],
                due.agents.map((a) => [
                  a.name,
                  time(a.review_due_at),
                  a.sponsor,
                  a.sponsor_left_at === null ? '' : 'sponsor has left',
                ]),
              ),
        )
        return
      }
      const { agent: reviewed } = await context
        .control()
        .call<{ agent: ReviewView }>('POST', `/agents/${encodeURIComponent(name)}/review`)
      show(
        context,
        'Agent',
        { agent: reviewed },
        () => `Reviewed ${name}; due again ${time(reviewed.review_due_at)} UTC.`,
      )
    })
  agent
    .command('bearer')
    .description(
      'Allow or forbid tokens that are bound to no key, for clients that can do neither DPoP nor mTLS.',
    )
    .argument('<name>')
    .argument('<allow|forbid>')
    .action(async (name: string, verb: string, _options, command: Command) => {
      const context = contextOf(command)
      if (verb !== 'allow' && verb !== 'forbid') throw new CommandFailed('Say allow or forbid.', EXIT.usage)
      const { agent: changed } = await context
        .control()
        .call<{ agent: AgentView }>('POST', `/agents/${encodeURIComponent(name)}/bearer`, {
          allow: verb === 'allow',
        })
      show(context, 'Agent', { agent: changed }, () =>
        verb === 'allow'
          ? `${name} may hold tokens bound to no key, for five minutes and one task each. Records say so.`
          : `${name} may hold only tokens bound to a key; those it had without one are dead.`,
      )
    })
  agent
    .command('rotate-instance')
    .description(
      'Demand a new key of an instance: the present one ends in five minutes unless it names its successor.',
    )
    .argument('<instance>')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command)
      const due = await context
        .control()
        .call<{ until: number }>('POST', `/instances/${encodeURIComponent(id)}/rotate`)
      show(context, 'KeyDue', due, () => `The key of ${id} is good until ${time(due.until)} UTC.`)
    })
  for (const [verb, description] of [
    ['suspend', 'Stop an agent until it is resumed: tasks end, tokens die, nothing new is granted.'],
    ['resume', 'Let a suspended agent open tasks again. Ended tasks stay ended.'],
    ['revoke', 'Stop an agent for ever.'],
  ] as const) {
    agent
      .command(verb)
      .description(description)
      .argument('<name>')
      .action(async (name: string, _options, command: Command) => {
        const context = contextOf(command)
        const { agent: changed } = await context
          .control()
          .call<{ agent: AgentView }>('POST', `/agents/${encodeURIComponent(name)}/${verb}`)
        show(context, 'Agent', { agent: changed }, () => `${name} is ${changed.status}.`)
      })
  }
  agent
    .command('revoke-instance')
    .description('Stop one instance for ever: its next call is refused, its open calls end.')
    .argument('<instance>')
    .action(async (id: string, _options, command: Command) => {
      const context = contextOf(command)
      await context.control().call('POST', `/instances/${encodeURIComponent(id)}/revoke`)
      show(context, 'InstanceRevoked', { instance: id }, () => `${id} is revoked.`)
    })
  return agent
}

/** A code on the command line would be in the process list and the shell's history. */
async function readLine(say: (text: string) => void): Promise<string> {
  if (process.stdin.isTTY) say('One-time code:')
  let text = ''
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return text.trim()
}
