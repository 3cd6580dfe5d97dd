import { lstatSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { diskFiles } from '../../audit/files.ts'
import { SigningService, signingServer } from '../../audit/signers/service.ts'
import { closeNow } from '../../gateway/listen.ts'
import { listenMasked } from '../../lib/private-socket.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { contextOf } from '../context.ts'
import { CommandFailed, EXIT } from '../exit.ts'
import { untilStopped } from '../service.ts'

interface SignerCommandOptions {
  readonly origin: string
  readonly state: string
  readonly socket: string
}

export const signerCommand = (): Command =>
  new Command('signer')
    .description('Hold the key of the log apart from the gateway: run this under another account.')
    .requiredOption('--origin <name>', 'name of the log, e.g. hospital.example.org/ostiary')
    .requiredOption('--socket <path>', 'where the gateway reaches it: `audit.signer.socket`')
    .option('--state <folder>', 'private folder: the key, and what was signed last', 'ostiary-signer')
    .action(async (options: SignerCommandOptions, command: Command) => {
      const context = contextOf(command)
      if (/[\s+]/.test(options.origin))
        throw new CommandFailed('--origin: the name of a log has no spaces and no +', EXIT.usage)
      const dir = resolve(options.state)
      using _lock = lockFolder(dir)
      const service = new SigningService({ dir, origin: options.origin, files: diskFiles })
      const server = signingServer(service, (error) => context.say(`not signed: ${(error as Error).message}`))
      const socket = resolve(options.socket)
      // The folder is ours alone while we run, so an old socket is stale.
      const found = lstatSync(socket, { throwIfNoEntry: false })
      if (found && !found.isSocket())
        throw new CommandFailed(`--socket: ${socket} is no socket, so it is not replaced`, EXIT.usage)
      rmSync(socket, { force: true })
      await listenMasked(server, socket, WITHHELD)
      context.out(
        context.json
          ? JSON.stringify({ schema: 'ostiary/v1/Signer', socket, vkey: service.vkey })
          : `Signing for ${options.origin} on ${socket}.\n${service.vkey}`,
      )
      await untilStopped()
      await closeNow(server)
    })

/** Whoever may write to the socket can have extensions signed, and nothing else. It is the group's. */
const WITHHELD = 0o117
