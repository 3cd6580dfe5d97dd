import type { Hono } from 'hono'
import { Hono as App } from 'hono'
import type { Loaded } from '../config/load.ts'
import type { SignIn } from '../identity/interactive/index.ts'
import { OidcSignIn } from '../identity/operators/oidc.ts'
import type { OperatorSession } from '../identity/operators/operators.ts'
import { passkeyRoutes } from '../identity/operators/passkey-routes.ts'
import { sessionOf, signInRoutes } from '../identity/operators/sign-in.ts'
import type { Sealer } from '../lib/sealed-token.ts'
import { nextStep, reason, sentence, status } from '../model/reasons.ts'
import { Refusal } from '../model/refusal.ts'
import type { Rooms } from './rooms.ts'

/** Sign-in of people, put together: the pages, and who is behind a request. */
export interface People extends SignIn {
  sessionOf(request: Request): Promise<OperatorSession | undefined>
  readonly routes: Hono
}

export function peopleOf(
  {
    operators,
    passkeys,
    replay,
    clock,
    resolve,
  }: Pick<Rooms, 'operators' | 'passkeys' | 'replay' | 'clock' | 'resolve'>,
  { config }: Loaded,
  issuer: string,
  sealer: Sealer,
): People {
  const provided = config.people?.sign_in
  const provider =
    provided &&
    new OidcSignIn(provided, `${issuer}/operators/sign-in/callback`, async () =>
      provided.client_secret === undefined
        ? undefined
        : (await resolve('people.sign_in', provided.client_secret)).reveal(),
    )
  const deps = {
    issuer,
    operators,
    passkeys,
    sealer,
    provider,
    now: () => clock.now(),
    useOnce: (key: string) => replay.use(key),
  }
  const routes = new App()
  routes.onError((error, c) => {
    const why = error instanceof Refusal ? error.reason : reason('INTERNAL')
    return c.json(
      {
        error: why.code.toLowerCase(),
        reason: { code: why.code, sentence: sentence(why), next: nextStep(why) },
      },
      status(why) as 400,
      { 'cache-control': 'no-store' },
    )
  })
  routes.route('/', signInRoutes(deps))
  routes.route('/', passkeyRoutes(deps))
  return {
    routes,
    sessionOf: (request) => sessionOf(deps, request),
    url: (returnTo) =>
      `${issuer}/operators/sign-in?${new URLSearchParams({ return_to: returnTo }).toString()}`,
  }
}
