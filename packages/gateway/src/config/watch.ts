import { watch } from 'node:fs'
import { basename } from 'node:path'
import type { Loaded } from './load.ts'
import { ConfigInvalid } from './load.ts'

export type Reload = { readonly ok: Loaded } | { readonly error: ConfigInvalid }

const QUIET_MS = 100

/** Tells of every change of the file that makes a difference. Watches the folder, because editors replace files. */
export function watchConfig(loaded: Loaded, onChange: (reload: Reload) => void): Disposable {
  const files = new Set([basename(loaded.path), ...loaded.config.policies.map((policy) => basename(policy))])
  let digest = loaded.digest
  let timer: NodeJS.Timeout | undefined
  const check = () => {
    try {
      const next = loaded.reload()
      if (next.digest === digest) return
      digest = next.digest
      onChange({ ok: next })
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      digest = ''
      onChange({ error })
    }
  }
  const watcher = watch(loaded.dir, (_event, file) => {
    if (file !== null && !files.has(file)) return
    clearTimeout(timer)
    timer = setTimeout(check, QUIET_MS)
  })
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
      watcher.close()
    },
  }
}
