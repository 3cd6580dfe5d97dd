/** What `ostiary up` writes on its first run: everything refused, with examples to uncomment. */
export const initialConfig = (): string => `# Ostiary. Every setting: docs/reference/config.md
version: 1

# Systems that agents may reach through the gateway. Their tools stay unusable until you approve them.
servers: {}
#  files:
#    command: npx
#    args: [-y, "@modelcontextprotocol/server-filesystem", /home/me/notes]
#  tracker:
#    url: https://tracker.example.org/mcp
#    headers: { Authorization: { broker: "sealed:tracker-token" } }

# Providers of models that agents may ask through the gateway.
models: {}
#  openai:
#    apis: [openai-chat, openai-responses]
#    url: https://api.openai.com
#    key: { broker: "sealed:openai-key" }
#    models: [gpt-5-mini]

# Zones, and who may reach whom. Anything without a route is refused.
segments:
  agents: { agents: ["*"] }
  tools: { servers: ["*"], models: ["*"] }
routes:
  - { from: agents, to: tools }

# What agents may do: a task has a purpose, tools with limits on their arguments, a budget and an end. No task, no access.
tasks: {}
#  read-notes:
#    purpose: Read project notes
#    agents: [assistant]
#    tools:
#      files/read_text_file: { path: { prefix: /home/me/notes/ } }
#    models: [openai/gpt-5-mini]
#    budget: { calls: 200 }
#    lifetime: 1h

# Where a value came from decides where it may go. observe only records what would be held for a person: label your tools
# (ostiary tool label), look at the log for a while, then write enforce.
flow: { mode: observe }
labels: {}
#  mail/send:
#    effect: egress
#    arguments: { to: { sink: principal }, body: { sink: content } }

# Cedar policies on top of that; a forbid always wins.
policies: []
`
