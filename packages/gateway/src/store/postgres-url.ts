import { StoreUnavailable } from './store.ts'

/** Says which server failed and why. Neither the password nor a malformed URL, which may hold it, is repeated. */
export function unavailable(url: string, error: unknown): StoreUnavailable {
  const parsed = URL.parse(url)
  if (!parsed) {
    return new StoreUnavailable(
      'The connection string of `store.url` is malformed. Write it as postgres://user:password@host:5432/database.',
    )
  }
  const { code, message } = error as { code?: string; message?: string }
  const why = [code, message && withoutPassword(message, parsed.password)].filter(Boolean).join(', ')
  return new StoreUnavailable(
    `The database at ${parsed.hostname}:${parsed.port || 5432}${parsed.pathname} cannot be used: ${why}. Check that it runs and that \`store.url\` is right.`,
  )
}

/** The driver at hand does not quote the password; one to come might. */
function withoutPassword(text: string, password: string): string {
  if (password === '') return text
  let hidden = text.replaceAll(password, '…')
  try {
    hidden = hidden.replaceAll(decodeURIComponent(password), '…')
  } catch {
    // It holds a bare `%`, so there is no second form of it.
  }
  return hidden
}
