import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { GENERATED } from './generated.ts'

for (const { path, render } of GENERATED) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, render())
}
