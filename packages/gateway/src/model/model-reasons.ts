/** The part of the catalogue of reasons about calls of models: what a request may hold, and what an answer may call. */
export const MODEL_REASONS = {
  MODEL_UNKNOWN: [404, 'There is no provider of models `{model}`.', 'Add it under `models` in ostiary.yaml.'],
  MODEL_PATH_REFUSED: [
    404,
    'This is no inference endpoint that is configured for the provider {model}.',
    'Use one of: {known}. Other endpoints of a provider are not forwarded.',
  ],
  MODEL_NOT_ALLOWED: [
    403,
    'The provider {model} may not be asked for the model `{id}`.',
    'Add it under `models.{model}.models` in ostiary.yaml, or ask for another.',
  ],
  MODEL_REQUEST_REFUSED: [
    400,
    'The request holds `{member}`, which this gateway does not know and cannot judge.',
    'Leave it out.',
  ],
  MODEL_STATE_REFUSED: [
    403,
    'The request refers by `{member}` to content kept at the provider, which the gateway cannot see.',
    'Send the content itself.',
  ],
  MODEL_LINK_REFUSED: [
    403,
    'The provider would fetch an address at `{member}`, past this gateway.',
    'Send the content itself, as data.',
  ],
  MODEL_TOOL_REFUSED: [
    403,
    'The request gives the model `{tool}`, which works past this gateway.',
    'Leave it out; a tool of a registered server, offered as a function, can do the same.',
  ],
  MODEL_CREDENTIAL_REFUSED: [
    502,
    'The provider {model} refuses the credential of this gateway.',
    'Have an operator check `models.{model}` in ostiary.yaml.',
  ],
  MODEL_CALL_UNKNOWN: [
    403,
    'The model called {tool}, which is no tool of this task.',
    'Open a task that covers it; what the agent does by itself stands under `local_tools` of the template.',
  ],
  MODEL_CALL_AMBIGUOUS: [
    403,
    'The model called {tool}, which several servers of this task have.',
    'Offer it to the model as server__{tool}.',
  ],
  MODEL_CALL_UNREADABLE: [
    403,
    'The arguments with which the model called {tool} can be read in more than one way.',
    'Ask the model again.',
  ],
  MODEL_CALL_PAST_GATEWAY: [
    403,
    'The answer holds a call of {tool}, which does not go through this gateway.',
    'Offer the model tools of registered servers, as functions.',
  ],
} as const
