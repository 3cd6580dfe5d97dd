import { anthropicMessages } from './anthropic-messages.ts'
import type { Codec } from './codec.ts'
import { gemini } from './gemini.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'

/** The model APIs. To add one: a file with its codec, a line here. */
export const codecs: readonly Codec[] = [openaiChat, openaiResponses, anthropicMessages, gemini]
