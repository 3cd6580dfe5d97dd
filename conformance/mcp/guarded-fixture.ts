import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent } from '../../packages/agent/src/index.ts'
import { AuthorisingProxy } from '../support/authorising-proxy.ts'
import { startGuarded } from '../support/gateway.ts'

export interface GuardedFixture extends AsyncDisposable {
  /** The fixture server itself. */
  readonly direct: string
  /** The same server behind the gateway, for a client that may use all of it. */
  readonly guarded: string
}

/** The fixture server in its own process, a gateway in front of it, and a client with a task that covers everything it offers. */
export async function startGuardedFixture(): Promise<GuardedFixture> {
  await using started = new AsyncDisposableStack()
  const direct = started.use(await startFixtureProcess()).url
  const gateway = started.use(
    await startGuarded({
      servers: {
        fixture: {
          url: direct,
          may_ask: ['sampling/createMessage', 'elicitation/create', 'roots/list'],
        },
      },
      tasks: {
        everything: {
          purpose: 'Conformance',
          agents: ['*'],
          tools: { 'fixture/*': {} },
          prompts: ['fixture/*'],
          resources: [{ server: 'fixture', uri: '*' }],
        },
      },
    }),
  )
  await gateway.approveAll('fixture')
  const agent = started.use(new Agent({ stateDir: await gateway.enrol('suite') }))
  const { task } = await agent.openTask({ template: 'everything' })
  const proxy = started.use(await AuthorisingProxy.start(agent, task.id))
  const running = started.move()
  return {
    direct,
    guarded: `${proxy.url}/mcp/fixture`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function startFixtureProcess(): Promise<{ url: string } & AsyncDisposable> {
  const child = spawn(process.execPath, [resolve('conformance/mcp/fixture/main.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => {
      throw new Error('the fixture server did not start')
    }),
  ])) as [string]
  return {
    url: line.replace(/^listening /, ''),
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
    },
  }
}
