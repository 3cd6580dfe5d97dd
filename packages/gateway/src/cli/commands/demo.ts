import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { contextOf } from '../context.ts'
import { play } from '../demo/play.ts'

export const demoCommand = (): Command =>
  new Command('demo')
    .description(
      'Play a short guarded session in a temporary folder: an allowed call, a denied one, a quarantine, a lock, a proof.',
    )
    .action(async (_options, command: Command) => {
      const context = contextOf(command)
      const dir = mkdtempSync(join(tmpdir(), 'ostiary-demo-'))
      try {
        await play(dir, context.out)
      } finally {
        rmSync(dir, { recursive: true, force: true })
      }
    })
