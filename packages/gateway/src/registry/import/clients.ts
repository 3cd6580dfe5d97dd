import { posix, win32 } from 'node:path'

export type Client = 'claude-desktop' | 'claude-code' | 'cursor' | 'vscode'

/** The machine as the import sees it; injected, so that nothing here reads the real one. */
export interface ImportEnv {
  readonly home: string
  /** Project folder. */
  readonly cwd: string
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A file where a client keeps its MCP servers. */
export interface Location {
  readonly client: Client
  readonly file: string
  /** Member that holds the servers. */
  readonly member: 'mcpServers' | 'servers'
  /** Folder of the project the file belongs to; its servers run there. */
  readonly workspace: string | undefined
}

/** Every place where one of the known clients looks, existing or not (client documentation, October 2026). */
export function locations({ home, cwd, platform, env }: ImportEnv): readonly Location[] {
  const { join } = platform === 'win32' ? win32 : posix
  const appData =
    platform === 'darwin'
      ? join(home, 'Library', 'Application Support')
      : platform === 'win32'
        ? (env.APPDATA ?? join(home, 'AppData', 'Roaming'))
        : (env.XDG_CONFIG_HOME ?? join(home, '.config'))
  const user = (client: Client, file: string, member: Location['member'] = 'mcpServers'): Location => ({
    client,
    file,
    member,
    workspace: undefined,
  })
  const project = (client: Client, file: string, member: Location['member'] = 'mcpServers'): Location => ({
    client,
    file,
    member,
    workspace: cwd,
  })
  return [
    user('claude-desktop', join(appData, 'Claude', 'claude_desktop_config.json')),
    project('claude-code', join(cwd, '.mcp.json')),
    user('claude-code', join(home, '.claude.json')),
    user('cursor', join(home, '.cursor', 'mcp.json')),
    project('cursor', join(cwd, '.cursor', 'mcp.json')),
    project('vscode', join(cwd, '.vscode', 'mcp.json'), 'servers'),
    user('vscode', join(appData, 'Code', 'User', 'mcp.json'), 'servers'),
  ]
}
