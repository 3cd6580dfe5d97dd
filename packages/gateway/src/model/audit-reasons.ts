/** Reasons of the log and of what follows it. Part of the catalogue in `reasons.ts`. */
export const AUDIT_REASONS = {
  CONTENT_NOT_SEALED: [
    404,
    'Entry {index} of the log has no sealed content.',
    'List entries with `ostiary audit tail`; those with a `body` have content.',
  ],
  CONTENT_ERASED: [
    410,
    'The content of entry {index} can be read by nobody any more: its key was destroyed, by erasure of a subject or by age.',
    'The entry itself and its proof stand. `ostiary audit tail --type subject.erased` and `--type retention.applied` tell when and by whom.',
  ],
  CONTENT_UNREADABLE: [
    409,
    'The content of entry {index} of the log cannot be opened: {detail}.',
    'If the key-encryption key was replaced, give back the one that was in use (`keys.kek`); else keep the folder as evidence and compare it with the mirror.',
  ],
  SUBJECT_UNKNOWN: [
    404,
    'The log knows no subject of this name.',
    'Write the name exactly as tasks and calls give it. A subject that was erased is not found any more.',
  ],
  SUBJECT_HELD: [
    409,
    'The subject is under legal hold.',
    'Release it first: `ostiary subject release <subject>`.',
  ],
  SUBJECT_IN_USE: [
    409,
    'Task {task} about this subject is still open.',
    'Close it (`ostiary task close {task}`) or wait for its end, then erase again.',
  ],
  MIRROR_BEHIND: [
    503,
    'The copy of the log in a second place is behind, and no call is made without it.',
    'Have an operator run `ostiary audit mirror status`.',
  ],
  PROJECTION_BEHIND: [
    503,
    'The searchable tables hold {projected} of {size} entries of the log.',
    'Ask again in a moment; `ostiary audit reindex --status` shows how far they are.',
  ],
  PROJECTION_BROKEN: [
    503,
    'The searchable tables cannot be used: {detail}.',
    'Calls go on and are recorded. Remove the cause; the tables are made again from the log by themselves.',
  ],
  SINK_BEHIND: [
    503,
    'The log is not reaching the sink `{sink}`, which is required, so no call is made.',
    'Have an operator run `ostiary audit sinks`; calls go on by themselves when it has caught up.',
  ],
  NOT_COSIGNED: [
    503,
    'Too few witnesses cosigned the record of this call within {seconds} seconds, so it was not made.',
    'Try again; if it lasts, have an operator see with `ostiary status` which witness is gone.',
  ],
} as const
