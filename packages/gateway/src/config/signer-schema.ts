import { z } from 'zod'

/** Who holds the key that signs the log's checkpoints. */
export const SignerSchema = z
  .union([
    z.literal('file'),
    z.strictObject({
      socket: z.string().min(1).describe('Socket of `ostiary signer`, a process under another account.'),
    }),
    z.strictObject({
      command: z
        .tuple([z.string().min(1)], z.string())
        .describe(
          'Program and arguments, run without a shell: how a KMS comes in. It gets the text to sign on its standard input and prints the raw Ed25519 signature in base64.',
        ),
      vkey: z.string().min(1).describe('Verifier key of the log (C2SP signed-note).'),
    }),
  ])
  .default('file')
  .describe('Where the key of the log is: `file`, in the data folder, unless given. Read at start.')

export type SignerConfig = z.output<typeof SignerSchema>
