import { resolve } from 'node:path'
import type { VerifierKey } from '@ostiary/evidence'
import { parseVkey } from '@ostiary/evidence'
import { Command } from 'commander'
import { diskFiles } from '../../audit/files.ts'
import { witnessServer } from '../../audit/witness/server.ts'
import { Witness } from '../../audit/witness/witness.ts'
import { closeNow, listen } from '../../gateway/listen.ts'
import { systemClock } from '../../lib/clock.ts'
import { parseDuration } from '../../lib/duration.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { contextOf } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { placeOf, untilStopped } from '../service.ts'

interface WitnessCommandOptions {
  readonly name: string
  readonly log: string[]
  readonly state: string
  readonly listen: string
  readonly silence: string
}

export const witnessCommand = (): Command =>
  new Command('witness')
    .description('Vouch for the logs of others: run this on a host that their operators do not control.')
    .requiredOption('--name <name>', 'name of its key, e.g. witness.example.org/1')
    .option('--log <vkey>', 'public key of a log to watch; give it once for each log', collect, [])
    .option('--state <folder>', 'private folder: its key, and what it cosigned last', 'ostiary-witness')
    .option('--listen <address>', 'host:port; TLS is for a proxy in front', '127.0.0.1:7771')
    .option('--silence <duration>', 'alarm when a log has not grown for this long', '5m')
    .action(async (options: WitnessCommandOptions, command: Command) => {
      const context = contextOf(command)
      const silenceMs = parseDuration(options.silence)
      if (silenceMs === undefined)
        throw new CommandFailed('--silence: write a duration such as 90s, 15m, 8h or 2d', EXIT.usage)
      if (/[\s+]/.test(options.name))
        throw new CommandFailed('--name: a key name has no spaces and no +', EXIT.usage)
      const dir = resolve(options.state)
      using _lock = lockFolder(dir)
      const witness = new Witness({
        dir,
        name: options.name,
        logs: options.log.map(logKey),
        clock: systemClock(),
        files: diskFiles,
        silenceMs,
      })
      const server = witnessServer(witness, (error) =>
        context.say(`not cosigned: ${(error as Error).message}`),
      )
      const url = await listen(server, placeOf(options.listen))
      context.out(
        context.json
          ? JSON.stringify({ schema: 'ostiary/v1/Witness', url, vkey: witness.vkey })
          : `Listening on ${url}. For the policy of whoever believes this witness:\n\nwitness <name> ${witness.vkey} <address>`,
      )
      if (options.log.length === 0) context.say('No log is watched yet: give the key of one with --log.')
      const alarm = setInterval(alarms(witness, context.say), Math.min(silenceMs, 10_000))
      await untilStopped()
      clearInterval(alarm)
      await closeNow(server)
    })

const collect = (value: string, all: string[]): string[] => [...all, value]

function logKey(vkey: string): VerifierKey {
  const key = parseVkey(vkey)
  if (key?.kind !== 'ed25519')
    throw new CommandFailed(`--log: ${vkey.slice(0, 200)} is no public key of a log`, EXIT.usage)
  return key
}

/** Says once of each log when it falls silent, and when it is back. */
function alarms(witness: Witness, say: (text: string) => void): () => void {
  let before: readonly string[] = []
  return () => {
    const silent = witness.silent()
    for (const origin of silent.filter((log) => !before.includes(log)))
      say(`ALARM: the log ${origin} is silent. It is stopped, cut off, or led past this witness.`)
    for (const origin of before.filter((log) => !silent.includes(log))) say(`The log ${origin} grows again.`)
    before = silent
  }
}
