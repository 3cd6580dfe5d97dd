import * as system from 'node:fs/promises'

interface Opening {
  open(path: string, flags: 'r'): Promise<{ sync(): Promise<void>; close(): Promise<void> }>
}

/** Makes the names in a folder durable: a new file is there after a power cut only then. Windows has no such call and needs none. */
export async function syncDir(dir: string, fs: Opening = system): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await fs.open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
