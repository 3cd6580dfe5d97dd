import type { Detector } from '../detector.ts'

const NAME = 'tool-markup'
const MARKUP =
  /(?<!\w)<\/?(?:tool_calls?|tool_use|tool_results?|tools|tool|function_calls?|function_results?|invoke|available_tools)(?:\s[^<>]{0,200})?>/i
const DEFINITION = /\\?"(?:inputSchema|input_schema)\\?"\s{0,20}:\s{0,20}\{/

/** What looks to a model like tools on offer, or like calls and answers of them, where content belongs. */
export const toolMarkup: Detector = {
  name: NAME,
  reads: 'text',
  extent: 'beginning',
  suspects: (text) => text.includes('nput') || text.includes('<'),
  inspect(text) {
    const what = MARKUP.test(text)
      ? 'markup of tools'
      : DEFINITION.test(text)
        ? 'a definition of a tool'
        : undefined
    return what === undefined ? undefined : { detector: NAME, what, severity: 'note' }
  },
}
