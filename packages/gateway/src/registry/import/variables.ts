import { looksSecret } from './looks-secret.ts'

/** What clients put into a text: `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${input:id}`, `${workspaceFolder}`, `${userHome}`. */
const VARIABLE = /\$\{([^{}$]{1,200})\}/g

export interface Places {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  /** Folder of the project, for files that belong to one. */
  readonly workspace: string | undefined
}

/** A text with its variables: literal (`holdsSecret`: a variable that was filled in looks like one), a reference to one variable of the gateway, or something that has no value here. */
export type Resolved =
  | { readonly kind: 'literal'; readonly text: string; readonly holdsSecret: boolean }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'unset'; readonly name: string }

/**
 * Resolves a text. One variable alone stays a reference, so that its value is never stored; `${input:id}` becomes the variable that
 * the person has to set. Variables inside a longer text are filled in.
 */
export function resolve(text: string, places: Places): Resolved {
  const alone = /^\$\{([^{}$]{1,200})\}$/.exec(text)
  if (alone) {
    const variable = read(alone[1] as string, places)
    if ('name' in variable && (variable.value !== undefined || variable.fallback === undefined)) {
      return { kind: 'env', name: variable.name }
    }
    const known = variable.value ?? variable.fallback
    if (known !== undefined) return { kind: 'literal', text: known, holdsSecret: false }
  }
  let unset: string | undefined
  let holdsSecret = false
  const filled = text.replace(VARIABLE, (_, inner: string) => {
    const variable = read(inner, places)
    const value = variable.value ?? variable.fallback
    if ('name' in variable && looksSecret(variable.name, value ?? '')) holdsSecret = true
    if (value === undefined) unset ??= 'name' in variable ? variable.name : inner
    return value ?? ''
  })
  return unset === undefined ? { kind: 'literal', text: filled, holdsSecret } : { kind: 'unset', name: unset }
}

type Variable =
  | { readonly value: string | undefined; readonly fallback?: undefined }
  | {
      readonly name: string
      readonly value: string | undefined
      readonly fallback?: string | undefined
    }

function read(inner: string, { env, home, workspace }: Places): Variable {
  if (inner === 'userHome') return { value: home }
  if (inner === 'workspaceFolder') return { value: workspace }
  if (inner.startsWith('input:')) {
    const name = inner
      .slice(6)
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, '_')
    return { name, value: env[name] }
  }
  const [, name = '', fallback] = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner) ?? []
  if (name === '') return { value: undefined }
  const value = env[name]
  // As a shell reads `:-`: an empty variable counts as unset.
  return { name, value: fallback !== undefined && value === '' ? undefined : value, fallback }
}
