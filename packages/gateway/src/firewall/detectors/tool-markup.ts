import type { Detector } from '../detector.ts'
import { groupOf, TOOL_WORDS } from '../survey/vocabulary.ts'

const NAME = 'tool-markup'
const MARKUP =
  /(?<!\w)<\/?(?:tool_calls?|tool_use|tool_results?|tools|tool|function_calls?|function_results?|invoke|available_tools)(?:\s[^<>]{0,200})?>/i
const DEFINITION = /\\?"(?:inputSchema|input_schema)\\?"\s{0,20}:\s{0,20}\{/

const WORDS = groupOf(TOOL_WORDS)
/** What the expressions need around such a word. */
const AROUND = 260

/** What looks to a model like tools on offer, or like calls and answers of them, where content belongs. */
export const toolMarkup: Detector = {
  name: NAME,
  reads: 'text',
  isPass: false,
  suspects: (survey) => survey.met(WORDS),
  inspect(survey) {
    const pieces = survey.pieces(survey.around(WORDS, AROUND, AROUND))
    const what = pieces.some((piece) => MARKUP.test(piece))
      ? 'markup of tools'
      : pieces.some((piece) => DEFINITION.test(piece))
        ? 'a definition of a tool'
        : undefined
    return what === undefined ? undefined : { detector: NAME, what, severity: 'note' }
  },
}
